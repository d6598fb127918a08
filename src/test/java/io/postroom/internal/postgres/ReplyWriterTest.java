package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.ReplyMessage;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Replies that are written with the ends of their requests and of other messages. */
@PostgresTest
class ReplyWriterTest {
    private final StoreFixture fixture;
    private final Sessions sessions;
    private final QueueRow answers;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    ReplyWriterTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
        answers = fixture.newQueue();
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    /** The ends of all messages of this process would wait for a transaction of somebody else. */
    @ParameterizedTest
    @EnumSource(Overflow.class)
    void reply_does_not_wait_for_a_transaction_that_creates_messages_in_its_queue(Overflow overflow) throws Exception {
        limit(2, overflow);
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> claimed = fixture.claim(2);
        ReplyMessage reply = replyTo(claimed.get(0), MessageIdsAt.now());
        try (Connection open = sessions.begin()) {
            fixture.stores.enqueue().enqueueLimited(List.of(new StoreFixture.Plan(answers).build()), open);
            complete(StoreFixture.done(claimed.get(0)).withReply(reply), StoreFixture.done(claimed.get(1)))
                    .get(60, TimeUnit.SECONDS);
            open.commit();
        }
        assertThat(reply.arrival()).isNotNull();
        assertThat(waiting()).isEqualTo(2);
    }

    /** The transaction has the queue and waits for the lease, while the batch has the lease and would wait for the queue. */
    @Test
    void reply_makes_no_circle_with_a_handlers_transaction_under_the_same_lease() throws Exception {
        limit(5, Overflow.REJECT);
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> claimed = fixture.claim(2);
        assertThat(claimed.get(0).lease().id()).isEqualTo(claimed.get(1).lease().id());
        ReplyMessage reply = replyTo(claimed.get(0), MessageIdsAt.now());
        try (Connection atomic = sessions.begin()) {
            fixture.stores.enqueue().enqueueLimited(List.of(new StoreFixture.Plan(answers).build()), atomic);
            complete(StoreFixture.done(claimed.get(0)).withReply(reply)).get(60, TimeUnit.SECONDS);
            fixture.stores.leases().complete(fixture.worker, List.of(StoreFixture.done(claimed.get(1))), atomic);
            atomic.commit();
        }
        assertThat(waiting()).isEqualTo(2);
    }

    /** A look without the lock finds the limit, too. Only what others have not committed is missing. */
    @Test
    void full_queue_that_is_locked_refuses_a_reply_and_one_that_drops_its_head_is_shortened_later() throws Exception {
        limit(1, Overflow.REJECT);
        create();
        assertThat(replyWhileLocked()).isFalse();
        limit(1, Overflow.DROP_HEAD);
        assertThat(replyWhileLocked()).isTrue();
        assertThat(waiting()).isEqualTo(2);
        assertThat(fixture.stores.jobs().shortenQueues().queues()).isPositive();
        assertThat(waiting()).isEqualTo(1);
    }

    /** Other writes of Java take the id of their host, too. Its clock decides nothing about a reply. */
    @ParameterizedTest
    @ValueSource(ints = {-48 * 60, 10, 48 * 60})
    void reply_of_a_host_whose_clock_is_wrong_is_written(int minutesAhead) throws Exception {
        fixture.enqueue();
        ClaimedMessage request = fixture.claimOne();
        ReplyMessage reply = replyTo(request, MessageIdsAt.of(Duration.ofMinutes(minutesAhead)));
        complete(StoreFixture.done(request).withReply(reply)).get(60, TimeUnit.SECONDS);
        assertThat(reply.arrival()).isNotNull();
        assertThat(waiting()).isEqualTo(1);
    }

    private boolean replyWhileLocked() throws Exception {
        fixture.enqueue();
        ClaimedMessage request = fixture.claimOne();
        ReplyMessage reply = replyTo(request, MessageIdsAt.now());
        try (Connection open = sessions.begin();
                Statement lock = open.createStatement()) {
            lock.execute("SELECT FROM postroom.queue_length WHERE queue_id = " + answers.id() + " FOR UPDATE");
            complete(StoreFixture.done(request).withReply(reply)).get(60, TimeUnit.SECONDS);
        }
        assertThat(fixture.places(request.id())).containsExactly("finished");
        return reply.arrival() != null;
    }

    private Future<?> complete(Completion... ends) {
        return threads.submit(() -> fixture.stores.leases().complete(fixture.worker, List.of(ends)));
    }

    private ReplyMessage replyTo(ClaimedMessage request, UUID id) {
        StoreFixture.Plan plan = new StoreFixture.Plan(answers);
        plan.id = id;
        NewMessage message = plan.build();
        return ReplyMessage.of(request.id(), message);
    }

    private void create() throws Exception {
        try (Connection connection = fixture.pool.getConnection()) {
            fixture.stores.enqueue().enqueueLimited(List.of(new StoreFixture.Plan(answers).build()), connection);
        }
    }

    private void limit(long messages, Overflow overflow) {
        fixture.stores.queues().declare(QueueSettings.of(answers.name()).maxLength(messages, overflow));
    }

    private long waiting() {
        return fixture.number("SELECT count(*) FROM postroom.ready WHERE queue_id = " + answers.id());
    }

    /** Ids of a host whose clock is wrong. */
    private static final class MessageIdsAt {
        static UUID now() {
            return of(Duration.ZERO);
        }

        static UUID of(Duration ahead) {
            UUID now = io.postroom.api.MessageIds.next();
            return new UUID(now.getMostSignificantBits() + (ahead.toMillis() << 16), now.getLeastSignificantBits());
        }
    }
}
