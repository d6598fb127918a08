package io.postroom.internal.imports;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Bad lines of a block, as they are written beside the file: one JSON object each, with the number of the line, why, and its text. */
final class BadLines {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final StringBuilder lines = new StringBuilder();
    private int count;

    void add(long line, String reason, String text) {
        ObjectNode one = JSON.createObjectNode();
        one.put("line", line).put("reason", reason).put("text", text.replace('\0', '\uFFFD'));
        lines.append(JSON.writeValueAsString(one)).append('\n');
        count++;
    }

    int count() {
        return count;
    }

    byte[] bytes() {
        return lines.toString().getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Writes lines behind the bytes that count, and forces them to disk. What is there behind them is of a process that died before its
     * commit, and is replaced.
     *
     * @throws FileSystemException something else than a regular file has the name: a pipe would hold the thread, and its transaction
     */
    static void write(Path file, long counted, byte[] bytes) throws IOException {
        boolean isThere = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
        if (isThere) {
            Inbox.requireRegular(file);
        }
        OpenOption made = isThere ? StandardOpenOption.WRITE : StandardOpenOption.CREATE_NEW;
        try (FileChannel channel = FileChannel.open(file, made, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
            channel.truncate(counted);
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            for (long at = counted; buffer.hasRemaining(); ) {
                at += channel.write(buffer, at);
            }
            channel.force(true);
        }
    }
}
