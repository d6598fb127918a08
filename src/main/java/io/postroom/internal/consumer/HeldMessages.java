package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * The messages of one queue that this process has claimed, or dispatches directly, and has not run to their end. Keeps their count, their
 * number at most, and the buffer in which they wait for a handler thread. Thread-safe.
 *
 * <p>A message is counted from before it can be seen in the buffer until its result was given to the completer. So once the count is
 * zero, a stop has only to wait for the completer.
 */
final class HeldMessages {
    private final PrefetchPolicy prefetch;
    private final HeldLeases leases;
    private final StartMarks starts;
    private final BooleanSupplier longCallRuns;
    private final Consumer<List<ClaimedMessage>> release;
    private final Runnable onWorthAClaim;
    private final MessageBuffer buffer = new MessageBuffer(this::giveBack);
    private final AtomicInteger count = new AtomicInteger();
    /** Most that the claim under way may bring. */
    private volatile int expected;

    /**
     * @param longCallRuns whether a call of a handler has run for longer than {@link PrefetchPolicy#AHEAD} and goes on
     * @param release gives messages back to the queue untouched
     * @param onWorthAClaim called when so many ended that another claim is worth its commit
     */
    HeldMessages(
            PrefetchPolicy prefetch,
            HeldLeases leases,
            StartMarks starts,
            BooleanSupplier longCallRuns,
            Consumer<List<ClaimedMessage>> release,
            Runnable onWorthAClaim) {
        this.prefetch = prefetch;
        this.leases = leases;
        this.starts = starts;
        this.longCallRuns = longCallRuns;
        this.release = release;
        this.onWorthAClaim = onWorthAClaim;
    }

    int count() {
        return count.get();
    }

    /** How many more messages this process would like to hold; zero or less: none. */
    int wanted() {
        return prefetch.target() - count.get();
    }

    boolean isWorthAClaim() {
        return prefetch.isWorthAClaim(count.get());
    }

    /**
     * Whether a suspect would start soon: a thread is free, or handlers are so fast that the next one will be. One may wait at a time, as
     * another process may have a thread for the next.
     */
    boolean hasRoomForSuspect() {
        boolean threadsAreBusy = count.get() >= prefetch.threadCapacity();
        boolean handlersAreFast = prefetch.target() > prefetch.threadCapacity();
        return (!threadsAreBusy || handlersAreFast) && !buffer.startsWithSuspect();
    }

    /** Returns how many messages of a claim count as started from the beginning: they start before it would be worth to announce them. */
    int startAtOnce() {
        return prefetch.startsAllSoon() && !longCallRuns.getAsBoolean()
                ? Integer.MAX_VALUE
                : Math.max(0, prefetch.threadCapacity() - count.get() + starts.chunk());
    }

    /**
     * Decides how many messages a claim should bring, and notes that it is under way. Both are one step for {@link #tryAdd}. Else direct
     * dispatch could take the last free thread between the decision and the note. Then the claim would bring a message that no thread is
     * free for, while other processes could run it.
     *
     * @return most messages to claim; zero or less: none, and no claim is under way
     */
    synchronized int claimBegins(int most) {
        int wanted = Math.min(most, wanted());
        expected = Math.max(0, wanted);
        return wanted;
    }

    /** Counts what the claim brought. First the count, then the mark: whoever dispatches directly meanwhile sees one of the two. */
    void claimEnds(int messages) {
        count.addAndGet(messages);
        expected = 0;
    }

    /**
     * Counts new messages that are about to be stored for direct dispatch, unless they would be more than this process should hold. What
     * a claim under way may bring counts, too, while only the threads themselves are to be supplied; fast handlers can take both.
     *
     * @return whether they are counted; {@link #letGo} or the end of their run takes them out again
     */
    synchronized boolean tryAdd(int messages) {
        int most = prefetch.target();
        int claimed = most <= prefetch.threadCapacity() ? expected : 0;
        // Meanwhile others only lower the count, or turn what is expected into it.
        if (count.get() + claimed + messages > most) {
            return false;
        }
        count.addAndGet(messages);
        return true;
    }

    /** Counts and takes over a suspect, which is the next that a thread takes. */
    void acceptSuspect(ClaimedMessage suspect) {
        count.incrementAndGet();
        leases.taken(List.of(suspect));
        buffer.putFirst(suspect);
    }

    /**
     * Takes over what a claim brought and {@link #claimEnds} has counted.
     *
     * @param started how many of the messages the claim wrote down as started
     */
    void accept(List<ClaimedMessage> claimed, int started) {
        starts.claimed(claimed, started);
        accept(claimed);
    }

    /** Takes over messages that are counted already, under leases of this process that count them as started, for the handler threads. */
    void accept(List<ClaimedMessage> messages) {
        if (messages.isEmpty()) {
            return;
        }
        leases.taken(messages);
        prefetch.received(
                messages.size(),
                messages.stream()
                        .mapToLong(message -> message.content().bytes())
                        .sum());
        buffer.put(messages);
    }

    /** Waits for messages that a thread should run next, and announces their start. An empty batch: there will be no more. */
    HandlerBatch take() {
        List<ClaimedMessage> next = buffer.take(prefetch::messagesPerTake);
        starts.announce(next);
        return new HandlerBatch(next);
    }

    /** Returns messages that no thread has begun: to the other threads or, once this is closed, to the queue. */
    void putBack(List<ClaimedMessage> messages) {
        buffer.put(messages);
    }

    /** Notes that these messages were run and how long that took. The completer has their results. */
    void ran(int messages, long nanos) {
        prefetch.ran(messages, nanos);
        letGo(messages);
    }

    /** Stops counting messages: they were run, or given up, or were not stored. */
    void letGo(int messages) {
        count.addAndGet(-messages);
        if (isWorthAClaim()) {
            onWorthAClaim.run();
        }
    }

    /** Closes the buffer. Messages in it, and those that come later, go back to the queue untouched. The handler threads end. */
    void close() {
        buffer.close();
    }

    boolean isClosed() {
        return buffer.isClosed();
    }

    private void giveBack(List<ClaimedMessage> messages) {
        release.accept(messages); // before they are no longer counted: see the class comment
        count.addAndGet(-messages.size());
    }
}
