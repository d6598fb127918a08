package io.postroom.internal.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.AccessRole;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.AccessTokenStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The copy of the tokens in a process, with a store and a clock of the test. */
class TokenCacheTest {
    private long now = 1_000_000_000L;
    private final TokenCache cache = new TokenCache(() -> now);
    private final Store store = new Store();

    @Test
    void token_is_found_until_it_is_changed_in_the_store() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci")).orElseThrow().name()).isEqualTo("ci");
        assertThat(cache.find(Sha256.of("secret of c"))).isEmpty();
        store.tokens.clear();
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci")))
                .as("the version is the same")
                .isPresent();
        store.version++;
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    /** A failover that lost commits, or a restore: the version goes on from before, with other tokens. */
    @Test
    void version_that_comes_again_with_other_tokens_is_believed_for_a_minute_at_most() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        cache.look(store);
        store.tokens.clear();
        pass(Duration.ofSeconds(59));
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isPresent();
        pass(Duration.ofSeconds(1));
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    @Test
    void tokens_are_read_anew_after_the_database_was_away() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        cache.look(store);
        store.tokens.clear();
        store.isAway = true;
        assertThatThrownBy(() -> cache.look(store)).isInstanceOf(StoreException.class);
        store.isAway = false;
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    @Test
    void tokens_are_read_anew_after_a_use_could_not_be_noted() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        cache.step(store);
        cache.find(Sha256.of("secret of ci"));
        store.isReadOnly = true;
        cache.step(store);
        store.isReadOnly = false;
        store.tokens.clear();
        cache.step(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    @Test
    void tokens_are_followed_also_when_the_version_is_lost() {
        store.version = -1;
        cache.look(store);
        store.tokens.add(token("ci", AccessRole.READER, Optional.of(Duration.ofDays(365_000))));
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isPresent();
        store.tokens.clear();
        cache.look(store);
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    @Test
    void token_expires_while_the_database_is_away() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.of(Duration.ofMinutes(1))));
        cache.look(store);
        store.isAway = true;
        assertThatThrownBy(() -> cache.look(store)).isInstanceOf(StoreException.class);
        pass(Duration.ofSeconds(59));
        assertThat(cache.find(Sha256.of("secret of ci"))).as("the copy stays").isPresent();
        pass(Duration.ofSeconds(1));
        assertThat(cache.find(Sha256.of("secret of ci"))).isEmpty();
    }

    @Test
    void use_is_noted_at_once_and_then_once_a_minute() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        store.tokens.add(token("idle", AccessRole.READER, Optional.empty()));
        cache.look(store);
        cache.note(store);
        assertThat(store.noted).isEmpty();
        cache.find(Sha256.of("secret of ci"));
        pass(Duration.ofMillis(300));
        cache.note(store);
        assertThat(store.noted).containsExactly(Map.of("ci", Duration.ofMillis(300)));
        for (int i = 0; i < 59; i++) {
            cache.find(Sha256.of("secret of ci"));
            pass(Duration.ofSeconds(1));
            cache.note(store);
        }
        assertThat(store.noted).hasSize(1);
        pass(Duration.ofSeconds(1));
        cache.note(store);
        assertThat(store.noted).hasSize(2);
        pass(Duration.ofMinutes(2));
        cache.note(store);
        assertThat(store.noted).as("it was not used since").hasSize(2);
    }

    @Test
    void use_is_noted_later_when_the_database_was_away_and_after_tokens_were_read_anew() {
        store.tokens.add(token("ci", AccessRole.READER, Optional.empty()));
        cache.look(store);
        cache.find(Sha256.of("secret of ci"));
        store.isAway = true;
        assertThatThrownBy(() -> cache.note(store)).isInstanceOf(StoreException.class);
        store.isAway = false;
        store.version++;
        cache.look(store);
        cache.note(store);
        assertThat(store.noted).hasSize(1);
    }

    @Test
    void ten_thousand_tokens_are_found_by_their_hashes() {
        IntStream.range(0, 10_000)
                .forEach(i -> store.tokens.add(token("t" + i, AccessRole.PRODUCER, Optional.empty())));
        cache.look(store);
        TokenCache.Holder last = cache.find(Sha256.of("secret of t9999")).orElseThrow();
        assertThat(last.name()).isEqualTo("t9999");
        assertThat(last.mayCreateIn("orders.t9999")).isTrue();
        assertThat(last.mayCreateIn("orders")).isFalse();
        assertThat(last.mayCreateIn("orders.t9999.more")).isFalse();
    }

    private void pass(Duration time) {
        now += time.toNanos();
    }

    private static AccessTokenStore.Known token(String name, AccessRole role, Optional<Duration> left) {
        List<String> queues = role == AccessRole.PRODUCER ? List.of("orders.*") : List.of();
        return new AccessTokenStore.Known(name, Sha256.of("secret of " + name), role, queues, left);
    }

    private static final class Store implements AccessTokenStore {
        private final List<Known> tokens = new ArrayList<>();
        private final List<Map<String, Duration>> noted = new ArrayList<>();
        private long version;
        private boolean isAway;
        private boolean isReadOnly;

        @Override
        public long version() {
            requireThere();
            return version;
        }

        @Override
        public List<Known> inUse() {
            requireThere();
            return List.copyOf(tokens);
        }

        @Override
        public void noteUse(Map<String, Duration> ago) {
            requireThere();
            if (isReadOnly) {
                throw new StoreException(
                        "standby", StoreException.Kind.UNAVAILABLE, "25006", new IllegalStateException());
            }
            noted.add(new LinkedHashMap<>(ago));
        }

        private void requireThere() {
            if (isAway) {
                throw new StoreException("away", StoreException.Kind.UNAVAILABLE, "08006", new IllegalStateException());
            }
        }
    }
}
