package io.postroom.internal.worker;

import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives back leases of this process that it does not know: the answer of the statement that took them was lost. No other process may
 * rescue them, because this process goes on sending heartbeats. {@link #release} is called by the poll's thread alone, {@link
 * #mayBeStored} by any.
 */
final class LostAnswers {
    private static final Logger log = LoggerFactory.getLogger(LostAnswers.class);
    /** Longer than a claim can take: with the default lease time 60 s, above the time limits of statement and socket. */
    private static final int UNKNOWN_AFTER_LEASE_TIMES = 2;

    /** An answer that is still to come does so earlier. */
    private static final Duration UNCERTAIN_AFTER = Duration.ofSeconds(2);
    /** The statement ended long before; a lease that is left then is found like those of a lost claim. */
    private static final Duration UNCERTAIN_FOR = Duration.ofMinutes(1);

    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final HeldLeases leases;
    private final Notifier notifier;
    private final Duration leaseTime;
    private final Map<UUID, Long> uncertain = new ConcurrentHashMap<>();
    private long unknownDueNanos = System.nanoTime();

    LostAnswers(LeaseStore store, LeaseHolder leaseHolder, HeldLeases leases, Notifier notifier, Duration leaseTime) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.leases = leases;
        this.notifier = notifier;
        this.leaseTime = leaseTime;
    }

    /** These messages of a direct dispatch may be stored under a lease of this process although the answer was lost. */
    void mayBeStored(List<UUID> messages) {
        long until = System.nanoTime() + UNCERTAIN_FOR.toNanos();
        messages.forEach(id -> uncertain.put(id, until));
    }

    /** Gives back what is old enough that no answer can still be under way. */
    void release() {
        releaseUnknown();
        releaseUncertain();
    }

    private void releaseUnknown() {
        if (leaseHolder.workerId() == 0 || System.nanoTime() - unknownDueNanos < 0) {
            return;
        }
        unknownDueNanos = System.nanoTime() + leaseTime.toNanos();
        List<Long> known = leases.ids(); // before the statement: what is claimed after this is younger than the bound
        giveBack(store.releaseUnknown(
                leaseHolder.workerId(), known, leaseTime.multipliedBy(UNKNOWN_AFTER_LEASE_TIMES), null));
    }

    /** Asks by message id, so that these need not wait as long as a lost claim, whose messages are not known. */
    private void releaseUncertain() {
        uncertain.values().removeIf(untilNanos -> System.nanoTime() - untilNanos > 0);
        if (!uncertain.isEmpty() && leaseHolder.workerId() != 0) {
            List<UUID> ids = List.copyOf(uncertain.keySet());
            giveBack(store.releaseUnknown(leaseHolder.workerId(), leases.ids(), UNCERTAIN_AFTER, ids));
        }
    }

    private void giveBack(List<Arrival> released) {
        if (!released.isEmpty()) {
            log.warn("gave back leases whose answer was lost: {}", released);
            notifier.wake(released);
        }
    }
}
