package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.StoreIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a process reads the entries, and where it finds secrets. */
class HandlerEntriesTest {
    private static final StoreIdentity HERE = new StoreIdentity(Instant.EPOCH, 1);

    private final FakeSettingsStore store = new FakeSettingsStore();
    private final Handler handler =
            Handler.send("q", String.class, (text, context) -> Outcome.done()).settings("billing");

    private HandlerEntries entries(Set<String> names) {
        return new HandlerEntries(
                store, new EntryChecks(List.of(), new Secrets(name -> null)), () -> names, Duration.ofHours(1));
    }

    @Test
    void entries_are_read_again_only_when_the_digest_or_the_store_is_another() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.told(HERE, 1);
        entries.told(HERE, 1);
        entries.of(handler);
        assertThat(store.reads).hasValue(1);
        entries.told(HERE, 2);
        entries.told(new StoreIdentity(Instant.EPOCH, 2), 2);
        assertThat(store.reads)
                .as("after a failover the same digest says nothing")
                .hasValue(3);
    }

    @Test
    void process_whose_handlers_name_no_entry_reads_none() {
        HandlerEntries entries = entries(Set.of());
        entries.told(HERE, 1);
        entries.told(HERE, 2);
        assertThat(store.reads).hasValue(0);
    }

    /** The read was without a digest, so a change just before it and one just after it look the same. */
    @Test
    void first_attempt_reads_and_the_next_poll_reads_once_more() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.of(handler);
        entries.told(HERE, 1);
        entries.told(HERE, 1);
        assertThat(store.reads).hasValue(2);
    }

    @Test
    void change_by_this_process_counts_for_the_next_attempt() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.told(HERE, 1);
        assertThat(entries.of(handler).obstacle()).isNotNull();
        store.set(SettingsEntry.of("billing", "http"), null, null);
        entries.forget();
        assertThat(entries.of(handler).obstacle()).isNull();
    }

    @Test
    void secret_is_found_where_its_reference_says(@TempDir Path folder) throws Exception {
        Secrets secrets = new Secrets(
                name -> name.equals("a.b") ? "of property" : null, name -> name.equals("A") ? "of env" : null);
        Path file = Files.writeString(folder.resolve("s"), "of file\r\n");
        Path empty = Files.writeString(folder.resolve("e"), "\n");
        assertThat(secrets.find("env:A")).isEqualTo(new Secrets.Found.Value("of env"));
        assertThat(secrets.find("property:a.b")).isEqualTo(new Secrets.Found.Value("of property"));
        assertThat(secrets.find("file:" + file)).isEqualTo(new Secrets.Found.Value("of file"));
        assertThat(secrets.find("file:" + empty))
                .isEqualTo(new Secrets.Found.Missing("the file " + empty + " is empty"));
        assertThat(secrets.find("file:" + folder)).isEqualTo(new Secrets.Found.Missing("there is no file " + folder));
        assertThat(secrets.find("env:B")).isEqualTo(new Secrets.Found.Missing("the environment variable B is not set"));
        assertThat(secrets.find("env:A")).asString().doesNotContain("of env");
    }
}
