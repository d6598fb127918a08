package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.QueueReport;
import java.util.*;
import org.junit.jupiter.api.Test;

/** An error while one queue of a claim takes its messages over. */
class ClaimerErrorTest implements LeaseHolder {
    private static final int QUEUES = 3;
    private static final int CONCURRENCY = 4;

    private final Map<Integer, ArrayDeque<ClaimedMessage>> ready = new HashMap<>();
    private final HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 1, 1_000);
    private final HeldBounds bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
    private final List<ConsumedQueue> queues = new ArrayList<>();
    private final List<QueueClaims> claims = new ArrayList<>();
    private final List<HeldMessages> held = new ArrayList<>();
    private final List<HeldLeases> leases = new ArrayList<>();
    private final Claimer claimer = new Claimer(
            new NoLeaseStore() {
                @Override
                public List<ClaimedMessage> claim(ClaimRequest request) {
                    return take(request);
                }

                @Override
                public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
                    Map<Integer, List<ClaimedMessage>> claimed = new HashMap<>();
                    requests.forEach(request -> claimed.put(request.queueId(), take(request)));
                    return claimed;
                }
            },
            this,
            pool,
            bounds);
    private boolean fails = true;

    @Test
    void the_others_get_theirs_and_go_on() {
        for (int queue = 0; queue < QUEUES; queue++) {
            consume(queue);
            arrive(queue);
        }

        assertThatThrownBy(claimer::turn).isInstanceOf(OutOfMemoryError.class);
        fails = false;

        assertThat(held).extracting(HeldMessages::count).containsOnly(CONCURRENCY);
        assertThat(leases).allSatisfy(known -> assertThat(known.ids()).hasSize(CONCURRENCY));
        for (int queue = 1; queue < QUEUES; queue++) {
            held.get(queue).letGo(CONCURRENCY, 0);
            arrive(queue);
        }
        claimer.turn();
        assertThat(ready.get(1)).isEmpty();
        assertThat(ready.get(2)).isEmpty();
    }

    private void consume(int id) {
        ready.put(id, new ArrayDeque<>());
        ConsumedQueue queue = new ConsumedQueue(new HandledQueue(
                id,
                "q" + id,
                List.of(Handler.send("q" + id, String.class, (payload, context) -> Outcome.done())
                        .concurrency(CONCURRENCY))));
        long[] lowest = new long[LaneCursors.PRIORITIES];
        Arrays.fill(lowest, -1);
        queue.reported(
                new QueueReport(
                        id, "q" + id, false, false, 3, "1s", false, false, false, QueueReport.Stop.NONE, lowest, false),
                queue.timesHeldBack());
        HandlerSet handlerSet = ClaimFixture.handlerSet(CONCURRENCY, 1, pool);
        handlerSet.use(1);
        HeldLeases known = new HeldLeases();
        HeldMessages messages = new HeldMessages(
                handlerSet,
                bounds,
                known,
                new ClaimFixture().starts,
                () -> false,
                released -> {},
                () -> {
                    if (id == 0 && fails) {
                        throw new OutOfMemoryError("planted");
                    }
                },
                others -> {},
                () -> {});
        SuspectRunner suspects =
                new SuspectRunner(queue, new NoLeaseStore(), this, messages, known.suspectPlaces(), () -> {}, () -> 0);
        queues.add(queue);
        held.add(messages);
        leases.add(known);
        claims.add(new QueueClaims(queue, new ClaimRules(queue, this, () -> false), messages, handlerSet, suspects));
    }

    private void arrive(int queue) {
        for (int i = 0; i < CONCURRENCY; i++) {
            ready.get(queue).add(ClaimFixture.message(100 * queue + i));
        }
        queues.get(queue).cursors().arrived(4, 1);
        claimer.signal(claims.get(queue));
    }

    private List<ClaimedMessage> take(ClaimRequest request) {
        List<ClaimedMessage> taken = new ArrayList<>();
        ArrayDeque<ClaimedMessage> waiting = ready.get(request.queueId());
        while (taken.size() < request.limit() && !waiting.isEmpty()) {
            taken.add(waiting.poll());
        }
        return taken;
    }

    @Override
    public int workerId() {
        return 3;
    }

    @Override
    public boolean isTrusted() {
        return true;
    }
}
