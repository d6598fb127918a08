package io.postroom.channel.file;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.channel.file.OutboxSettings.Format;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageContext;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.files.WholeFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes messages as files, into the folder and under the names that an entry of external systems names. Thread-safe.
 *
 * <pre>{@code
 * @SendMessage(value = "invoices", settings = "archive")
 * Outcome send(Invoice invoice, MessageContext context) throws InterruptedException {
 *     return files.write(invoice, context);
 * }
 * }</pre>
 *
 * <p>The entry's {@code endpoint} is the folder, as an absolute path. Its properties, all optional:
 *
 * <ul>
 *   <li>{@code format}: {@code json} (default), {@code bytes} (the payload is a {@code byte[]}), {@code ndjson} or {@code csv};
 *   <li>{@code append}: {@code none} (default: a file for each message), {@code hour}, {@code day} or {@code month}: lines of one file;
 *   <li>{@code name}: of the file, from <code>{id} {queue} {type} {correlationId} {month} {date} {hour}</code>;
 *   <li>{@code zone}: for the times in names; default UTC;
 *   <li>{@code columns}: of a line, as in <code>{id}, order, customer.name</code>; needed for csv;
 *   <li>{@code separator}: of csv; default a comma.
 * </ul>
 *
 * <p>Outcomes:
 *
 * <ul>
 *   <li>{@code done} when the file, or the line, is on the disk;
 *   <li>{@code notNow} while the folder is missing, the disk is full or the entry cannot be used: the message waits and loses nothing;
 *   <li>{@code reject} for a payload that does not fit the format, and for a name of more than 200 bytes.
 * </ul>
 *
 * <p>A repeated message writes the same file again. A repeated line is left out if lines begin with the id, which they do unless {@code
 * columns} say otherwise; the last 16 MiB of the file are looked at.
 */
public final class FileOutbox {
    /** How long the folder is left alone after it could not be written. */
    public static final Duration PARK_FOR = Duration.ofSeconds(30);

    private static final Logger log = LoggerFactory.getLogger(FileOutbox.class);

    private final PayloadCodec codec;
    private final Map<String, Known> known = new ConcurrentHashMap<>();
    private final Map<String, Long> warnedAt = new ConcurrentHashMap<>();

    /** Writes payloads as JSON in the way of {@link JacksonPayloadCodec}. */
    public FileOutbox() {
        this(new JacksonPayloadCodec());
    }

    /** @param codec writes payloads as JSON; that of the engine */
    public FileOutbox(PayloadCodec codec) {
        this.codec = codec;
    }

    /**
     * Writes the message of this handler call, where the handler's entry says.
     *
     * @param payload what the file holds, as JSON: the message's payload, or what the handler made of it
     * @throws IllegalStateException the handler names no settings
     */
    public Outcome write(Object payload, MessageContext message) throws InterruptedException {
        SettingsEntry entry = message.settings();
        OutboxSettings settings;
        try {
            settings = settingsOf(entry);
        } catch (InvalidMessageException wrong) {
            // A mistake of an operator is not the fault of this message.
            return notNow("settings " + entry.name(), wrong);
        }
        try {
            String name = settings.name().nameOf(message, settings.zone());
            byte[] bytes = bytes(payload, message, settings);
            // Links within the path are the operator's choice; below the real folder none is followed.
            Path folder = settings.folder().toRealPath();
            removeLeftOversOnce(entry.name(), folder);
            write(settings, folder, name, bytes, message);
            return Outcome.done();
        } catch (InvalidMessageException refused) {
            return Outcome.reject(String.valueOf(refused.getMessage()));
        } catch (IOException e) {
            if (Thread.interrupted()) { // which closes the file: not the fault of the folder
                throw (InterruptedException) new InterruptedException("writing a file").initCause(e);
            }
            return notNow(settings.folder().toString(), e);
        }
    }

    private static void write(OutboxSettings settings, Path folder, String name, byte[] bytes, MessageContext message)
            throws IOException, InterruptedException {
        if (settings.append() == null) {
            WholeFiles.write(folder, name, bytes);
            return;
        }
        Lines lines = new Lines(settings);
        // A message that was claimed once before may have got as far as the disk.
        Optional<byte[]> repeated = message.deliveries() > 1 ? lines.beginning(message) : Optional.empty();
        boolean written = new AppendedFile(folder.resolve(name), settings.format() == Format.CSV)
                .append(lines.header(), bytes, repeated.orElse(null));
        if (!written) {
            log.debug("The line of message {} was in {} already", message.id(), name);
        }
    }

    private byte[] bytes(Object payload, MessageContext message, OutboxSettings settings) {
        if (settings.format() == Format.BYTES || payload instanceof byte[]) {
            if (settings.format() == Format.BYTES && payload instanceof byte[] bytes) {
                return bytes;
            }
            throw new InvalidMessageException(
                    "payload",
                    "bytes with the format bytes, and an object with the others",
                    payload.getClass().getName() + " with " + settings.format().word());
        }
        byte[] json = codec.write(payload);
        if (settings.format() == Format.JSON) {
            return json;
        }
        Lines lines = new Lines(settings);
        byte[] line = lines.line(message, json);
        if (settings.append() != null || settings.format() == Format.NDJSON) {
            return line;
        }
        byte[] header = lines.header();
        byte[] file = Arrays.copyOf(header, header.length + line.length);
        System.arraycopy(line, 0, file, header.length, line.length);
        return file;
    }

    /** Removes what killed processes left half-written, at the first message of this process. */
    private void removeLeftOversOnce(String entry, Path folder) throws IOException {
        Known used = known.get(entry);
        if (used != null && used.swept.compareAndSet(false, true)) {
            WholeFiles.removeLeftOvers(folder);
        }
    }

    private OutboxSettings settingsOf(SettingsEntry entry) {
        Known before = known.get(entry.name());
        if (before == null || !before.entry.equals(entry)) {
            before = new Known(entry, OutboxSettings.of(entry), new AtomicBoolean());
            known.put(entry.name(), before);
        }
        return before.settings;
    }

    private Outcome notNow(String destination, Exception why) {
        long now = System.nanoTime();
        Long last = warnedAt.get(destination);
        if (last == null || now - last > PARK_FOR.toNanos()) { // thousands of messages may wait for one disk
            warnedAt.put(destination, now);
            log.warn("No file can be written to {}, next try in {}: {}", destination, PARK_FOR, why.toString());
        }
        return Outcome.notNow(destination, PARK_FOR);
    }

    private record Known(SettingsEntry entry, OutboxSettings settings, AtomicBoolean swept) {}
}
