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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
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
        entries.told(HERE, 1, Instant.now());
        entries.told(HERE, 1, Instant.now());
        entries.of(handler);
        assertThat(store.reads).hasValue(1);
        entries.told(HERE, 2, Instant.now());
        entries.told(new StoreIdentity(Instant.EPOCH, 2), 2, Instant.now());
        assertThat(store.reads)
                .as("after a failover the same digest says nothing")
                .hasValue(3);
    }

    /** This process's own clock says the opposite both times. */
    @Test
    void entry_is_valid_by_the_clock_of_the_store() {
        HandlerEntries entries = entries(Set.of("billing"));
        Instant soon = Instant.now().plus(Duration.ofMinutes(30));
        store.set(SettingsEntry.of("billing", "http").valid(Optional.of(soon), Optional.empty()), null, null, null);
        entries.told(HERE, 1, Instant.now().plus(Duration.ofHours(1)));
        assertThat(entries.of(handler).obstacle()).isNull();
        store.set(SettingsEntry.of("billing", "http").valid(Optional.empty(), Optional.of(soon)), null, null, null);
        entries.told(HERE, 2, Instant.now().plus(Duration.ofHours(1)));
        assertThat(entries.of(handler).obstacle()).isNotNull();
    }

    @Test
    void process_whose_handlers_name_no_entry_reads_none() {
        HandlerEntries entries = entries(Set.of());
        entries.told(HERE, 1, Instant.now());
        entries.told(HERE, 2, Instant.now());
        assertThat(store.reads).hasValue(0);
    }

    /** The read was without a digest, so a change just before it and one just after it look the same. */
    @Test
    void first_attempt_reads_and_the_next_poll_reads_once_more() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.of(handler);
        entries.told(HERE, 1, Instant.now());
        entries.told(HERE, 1, Instant.now());
        assertThat(store.reads).hasValue(2);
    }

    @Test
    void change_by_this_process_counts_for_the_next_attempt() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.told(HERE, 1, Instant.now());
        assertThat(entries.of(handler).obstacle()).isNotNull();
        store.set(SettingsEntry.of("billing", "http"), null, null, null);
        entries.forget();
        assertThat(entries.of(handler).obstacle()).isNull();
    }

    /** An attempt that looked just before the change may write its wait after the first poll that knows better. */
    @Test
    void entry_that_can_be_used_again_is_returned_by_three_polls_and_after_a_late_attempt() {
        HandlerEntries entries = entries(Set.of("billing"));
        entries.told(HERE, 1, Instant.now());
        assertThat(entries.of(handler).obstacle()).isNotNull();
        assertThat(entries.usableAgain()).isEmpty();
        store.set(SettingsEntry.of("billing", "http"), null, null, null);
        for (int poll = 0; poll < 3; poll++) {
            entries.told(HERE, 2, Instant.now());
            assertThat(entries.usableAgain()).containsExactly(new HandlerEntries.UsableAgain("billing", null));
        }
        entries.told(HERE, 2, Instant.now());
        assertThat(entries.usableAgain()).isEmpty();
        store.set(SettingsEntry.of("billing", "http").enabled(false), null, null, null);
        entries.told(HERE, 3, Instant.now());
        assertThat(entries.usableAgain()).isEmpty();
    }

    /** Another process may be without the secret: it writes each wait anew that this one ends. */
    @Test
    void more_messages_than_one_poll_lets_go_on_do_so_by_later_polls_and_none_that_began_to_wait_since() {
        HandlerEntries entries = entries(Set.of("billing"));
        store.set(SettingsEntry.of("billing", "http"), null, null, null);
        for (int poll = 0; poll < 3; poll++) {
            entries.told(HERE, 1, Instant.now());
            assertThat(entries.usableAgain()).containsExactly(new HandlerEntries.UsableAgain("billing", null));
            entries.tellAgain(new HandlerEntries.UsableAgain("billing", null), "70" + poll);
        }
        for (int poll = 0; poll < 2; poll++) {
            entries.told(HERE, 1, Instant.now());
            assertThat(entries.usableAgain()).containsExactly(new HandlerEntries.UsableAgain("billing", "702"));
            entries.tellAgain(new HandlerEntries.UsableAgain("billing", "702"), "80" + poll);
        }
        entries.told(HERE, 1, Instant.now());
        assertThat(entries.usableAgain()).hasSize(1);
        assertThat(entries.usableAgain()).as("that round was not full").isEmpty();
    }

    @Test
    void secret_that_comes_and_goes_returns_its_entry_once_in_thirty_seconds() {
        AtomicLong now = new AtomicLong();
        Map<String, String> properties = new ConcurrentHashMap<>();
        HandlerEntries entries = new HandlerEntries(
                store,
                new EntryChecks(List.of(), new Secrets(properties::get)),
                () -> Set.of("billing"),
                Duration.ofHours(1),
                now::get);
        SettingsEntry entry = SettingsEntry.of("billing", "http").secret("property:key");
        store.set(entry, null, null, null);
        int returns = 0;
        for (int second = 0; second < 61; second++) {
            now.set(Duration.ofSeconds(second).toNanos());
            properties.put("key", "hunter2");
            entries.told(HERE, 1, Instant.now());
            returns += entries.usableAgain().size();
            properties.clear();
            assertThat(entries.of(handler).obstacle()).isNotNull();
        }
        assertThat(returns)
                .as("three polls for each of three returns, cut off at the end")
                .isEqualTo(7);
        store.set(entry.endpoint("https://b.example"), null, null, null);
        properties.put("key", "hunter2");
        entries.told(HERE, 2, Instant.now());
        entries.told(HERE, 2, Instant.now());
        assertThat(entries.of(handler).obstacle()).isNull();
        assertThat(entries.usableAgain()).as("somebody has changed it").isNotEmpty();
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
