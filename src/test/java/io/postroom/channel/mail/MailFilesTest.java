package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MailFilesTest {
    private static final Mail MAIL = Mail.to("Ann Lee <ann@example.org>")
            .bcc("eve@example.org")
            .subject("Your order")
            .text("Thank you.");

    @TempDir
    Path parent;

    @Test
    void a_mail_is_a_file_one_can_open_named_by_its_message() throws Exception {
        MailFiles files = open();
        UUID id = MessageIds.next();

        assertThat(files.deliver(MAIL, id, Instant.now(), Instant.MAX)).isEqualTo(Outcome.done());

        assertThat(list()).containsExactly(id + ".eml");
        try (InputStream in = Files.newInputStream(folder().resolve(id + ".eml"))) {
            MimeMessage read = new MimeMessage(Session.getInstance(new Properties()), in);
            assertThat(read.getSubject()).isEqualTo("Your order");
            assertThat(read.getMessageID()).isEqualTo("<" + id + "@localhost>");
            assertThat(read.getHeader("Bcc", null)).isEqualTo("eve@example.org");
        }
    }

    @Test
    void only_the_user_of_the_process_may_read_mails() throws Exception {
        MailFiles files = open();
        UUID id = MessageIds.next();
        files.deliver(MAIL, id, Instant.now(), Instant.MAX);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder())))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder().resolve(id + ".eml"))))
                .isEqualTo("rw-------");
    }

    @Test
    void a_repeated_send_is_the_same_file() throws Exception {
        MailFiles files = open();
        UUID id = MessageIds.next();
        Instant createdAt = Instant.now();

        files.deliver(MAIL, id, createdAt, Instant.MAX);
        byte[] first = Files.readAllBytes(folder().resolve(id + ".eml"));
        files.deliver(MAIL, id, createdAt, Instant.MAX);

        assertThat(list()).containsExactly(id + ".eml");
        assertThat(Files.readAllBytes(folder().resolve(id + ".eml"))).isEqualTo(first);
    }

    @Test
    void whoever_looks_sees_whole_mails_only() throws Exception {
        MailFiles files = open();
        UUID id = MessageIds.next();
        Mail large = MAIL.text("line of text\n".repeat(20_000));
        Instant createdAt = Instant.now();
        files.deliver(large, id, createdAt, Instant.MAX);
        long whole = Files.size(folder().resolve(id + ".eml"));
        ExecutorService writers = Executors.newFixedThreadPool(2);
        CountDownLatch written = new CountDownLatch(2);
        for (int i = 0; i < 2; i++) {
            writers.submit(() -> {
                for (int n = 0; n < 50; n++) {
                    files.deliver(large, id, createdAt, Instant.MAX);
                }
                written.countDown();
                return null;
            });
        }

        long looks = 0;
        while (written.getCount() > 0) {
            assertThat(Files.size(folder().resolve(id + ".eml"))).isEqualTo(whole);
            looks++;
        }
        writers.shutdown();
        assertThat(writers.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
        assertThat(looks).isPositive();
        assertThat(list()).containsExactly(id + ".eml");
    }

    @Test
    void a_disk_that_takes_nothing_is_no_mails_fault() throws Exception {
        MailFiles files = open();
        Files.delete(folder());

        assertThat(files.deliver(MAIL, MessageIds.next(), Instant.now(), Instant.MAX))
                .isEqualTo(Outcome.notNow(folder().toString(), MailSettings.DEFAULT_PARK_FOR));
    }

    @Test
    void a_folder_that_cannot_be_made_is_said_at_the_start() throws Exception {
        Files.writeString(folder(), "a file");

        assertThatThrownBy(this::open)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(folder().toString());
    }

    @Test
    void what_a_killed_process_left_is_removed_and_what_another_writes_is_not() throws Exception {
        Files.createDirectory(folder());
        Path old = Files.writeString(folder().resolve(".x.eml.1.tmp"), "half");
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(2))));
        Files.writeString(folder().resolve(".y.eml.2.tmp"), "half");

        open();

        assertThat(list()).containsExactly(".y.eml.2.tmp");
    }

    private MailFiles open() {
        return new MailFiles(MailSettings.defaults().folder(folder()));
    }

    private Path folder() {
        return parent.resolve("mails");
    }

    private List<String> list() throws Exception {
        try (Stream<Path> files = Files.list(folder())) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
