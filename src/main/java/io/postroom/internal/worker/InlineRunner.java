package io.postroom.internal.worker;

import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.consumer.LaneCursors;
import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** Runs waiting messages on the caller's thread, for tests with workers off. */
final class InlineRunner {
    private static final int BATCH = 1000;
    private static final Duration LONGEST_WRITE = Duration.ofSeconds(5);

    private final Stores stores;
    private final Heartbeat heartbeat;
    private final Consumers consumers;
    private final QueueDeclarations declarations;
    private final HeldLeases leases;
    private final Executor executor;
    private final Completer completer;

    InlineRunner(
            Stores stores,
            Heartbeat heartbeat,
            Consumers consumers,
            QueueDeclarations declarations,
            HeldLeases leases,
            Executor executor,
            Completer completer) {
        this.stores = stores;
        this.heartbeat = heartbeat;
        this.consumers = consumers;
        this.declarations = declarations;
        this.leases = leases;
        this.executor = executor;
        this.completer = completer;
    }

    /**
     * Expires and promotes what is due, lets groups go on, then runs what is READY in these queues, until nothing is left that may start.
     *
     * @param names empty: all queues that have a handler here
     * @return how many messages were run
     */
    int drain(Collection<String> names) {
        declarations.renewChanged(); // a suite may have truncated the tables since the start
        learnKinds();
        int runs = 0;
        while (true) {
            expireAll();
            stores.jobs().promote(null, BATCH);
            sweepGroups();
            int now = runAllReady(names);
            if (now == 0) {
                return runs;
            }
            runs += now;
        }
    }

    private void expireAll() {
        JobStore.Expiry more = stores.jobs().expire(null, null, BATCH);
        while (more.messages() != null || more.entries() != null) {
            more = stores.jobs().expire(more.messages(), more.entries(), BATCH);
        }
    }

    private void sweepGroups() {
        JobStore.GroupPosition seen = null;
        do {
            seen = stores.jobs().sweepGroups(seen, BATCH).next();
        } while (seen != null);
    }

    /** No poll need have told. */
    private void learnKinds() {
        List<String> names =
                consumers.queues().stream().map(ConsumedQueue::name).toList();
        for (QueueRow row : stores.queues().queues(names)) {
            ConsumedQueue queue = consumers.named(row.name());
            if (queue != null) {
                queue.cursors().setOrdered(row.ordered());
                queue.cursors().setFair(row.fair());
                queue.setLimiter(row.hasLimiter());
            }
        }
    }

    private int runAllReady(Collection<String> names) {
        heartbeat.ensureStarted();
        int run = 0;
        for (boolean again = true; again; ) {
            again = false;
            for (ConsumedQueue queue : consumers.queues()) {
                if (names.isEmpty() || names.contains(queue.name())) {
                    int now = runReady(queue);
                    run += now;
                    again |= now > 0;
                }
            }
        }
        return run;
    }

    private int runReady(ConsumedQueue queue) {
        int run = 0;
        int most = queue.handled().largestBatch();
        for (ClaimKind kind : ClaimKind.values()) {
            List<ClaimedMessage> claimed = stores.leases()
                    .claim(LaneCursors.requestOfAllLanes(
                            heartbeat.workerId(), queue, most, queue.handled().leaseSize(), kind));
            leases.taken(claimed);
            if (!claimed.isEmpty()) {
                executor.run(queue.handled(), claimed, () -> {});
                completer.drain(LONGEST_WRITE);
                run += claimed.size();
            }
        }
        return run;
    }
}
