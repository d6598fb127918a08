package io.postroom.internal.imports;

import java.io.IOException;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** Lines of JSON. Whether a line is JSON is found where its message is checked. */
final class NdjsonRecords extends Records {
    NdjsonRecords(FileChannel channel, long from, long end, long linesBefore, int largest) {
        super(channel, from, end, linesBefore, largest);
    }

    @Override
    @Nullable
    String scan() throws IOException {
        for (int i = from; ; i++) {
            if (!isThere(i)) {
                endsAt(i, i, 1);
                return null;
            }
            if (window.bytes[i] == '\n') {
                endsAt(i, i + 1, 1);
                return null;
            }
            if (i - from >= largest) {
                return tooLong();
            }
        }
    }

    @Override
    boolean isEmpty() {
        for (int i = from; i < to; i++) {
            if (window.bytes[i] != ' ' && window.bytes[i] != '\t') {
                return false;
            }
        }
        return true;
    }

    @Override
    String json() throws BadRecordException {
        return decoded(from, to);
    }
}
