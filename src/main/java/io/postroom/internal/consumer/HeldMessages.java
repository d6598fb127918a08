package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * The messages of one queue that this process has claimed, or dispatches directly, and has not run to their end. Keeps their count, also
 * for the queues with the same handlers and for the process, and the buffer in which they wait for a handler thread. Thread-safe.
 *
 * <p>A message is counted from before it can be seen in the buffer until its result was given to the completer. So once the count is
 * zero, a stop has only to wait for the completer.
 */
final class HeldMessages {
    private final HandlerSet handlerSet;
    private final PrefetchPolicy prefetch;
    private final HeldBounds bounds;
    private final HeldLeases leases;
    private final StartMarks starts;
    private final BooleanSupplier isLimited;
    private final Consumer<List<ClaimedMessage>> release;
    private final Consumer<List<QueueClaims>> onRoom;
    private final Runnable onWorthAClaim;
    private final MessageBuffer buffer;
    private final AtomicInteger count = new AtomicInteger();

    /**
     * @param isLimited whether the queue has a limiter or is fair, so that messages have to start soon
     * @param release gives messages back to the queue untouched
     * @param onFilled asks for a handler thread, because messages wait
     * @param onRoom gets other queues with the same handlers, which waited until some of this one's messages ended
     * @param onWorthAClaim called when so many ended that another claim is worth its commit
     */
    HeldMessages(
            HandlerSet handlerSet,
            HeldBounds bounds,
            HeldLeases leases,
            StartMarks starts,
            BooleanSupplier isLimited,
            Consumer<List<ClaimedMessage>> release,
            Runnable onFilled,
            Consumer<List<QueueClaims>> onRoom,
            Runnable onWorthAClaim) {
        this.handlerSet = handlerSet;
        this.prefetch = handlerSet.prefetch();
        this.bounds = bounds;
        this.leases = leases;
        this.starts = starts;
        this.isLimited = isLimited;
        this.release = release;
        this.onRoom = onRoom;
        this.onWorthAClaim = onWorthAClaim;
        this.buffer = new MessageBuffer(this::giveBack, onFilled);
    }

    int count() {
        return count.get();
    }

    /** How many more messages this process would like to hold; zero or less: none. */
    int wanted() {
        return (isLimited.getAsBoolean() ? prefetch.targetOfLimited() : prefetch.target()) - handlerSet.held();
    }

    boolean isWorthAClaim() {
        return isLimited.getAsBoolean()
                ? prefetch.isWorthAClaim(handlerSet.held(), prefetch.targetOfLimited())
                : handlerSet.isWorthAClaim(count.get() == 0);
    }

    /**
     * Whether a suspect would start soon: a thread is free, or handlers are so fast that the next one will be. One may wait at a time, as
     * another process may have a thread for the next.
     */
    boolean hasRoomForSuspect() {
        boolean threadsAreBusy = handlerSet.held() >= prefetch.threadCapacity();
        return (!threadsAreBusy || prefetch.handlersAreFast()) && !buffer.startsWithSuspect();
    }

    /** Whether a suspect is the next to start here. Its end signals this queue. */
    boolean suspectWaits() {
        return buffer.startsWithSuspect();
    }

    /**
     * Returns how many messages of a claim count as started from the beginning: they start before it would be worth to announce them.
     *
     * @param queues how many queues the claim is for; what starts next is theirs in equal parts
     */
    int startAtOnce(int queues) {
        return prefetch.startsAllSoon()
                ? Integer.MAX_VALUE
                : Math.max(0, prefetch.threadCapacity() - handlerSet.held() + Math.max(1, starts.chunk() / queues));
    }

    /** Decides how many messages a claim should bring, and notes that it is under way: see {@link HandlerSet#claimBegins}. */
    int claimBegins(int most) {
        return isLimited.getAsBoolean()
                ? handlerSet.claimBegins(most, prefetch.targetOfLimited(), 0)
                : handlerSet.claimBegins(most, count.get() == 0);
    }

    /** Whether the bounds of the process keep this queue from messages, whatever its own handlers could take. */
    boolean isHeldUpByOthers() {
        return bounds.room() <= 0 || !bounds.hasThreadSoon(prefetch.handlersAreFast());
    }

    /** Counts what the claim brought. */
    void claimEnds(int asked, int brought) {
        count.addAndGet(brought);
        bounds.add(brought);
        handlerSet.claimEnds(asked, brought);
        if (brought < asked) {
            passRoomOn(asked - brought);
        }
    }

    /** Lets other queues with the same handlers claim that found no room, at most so many. */
    void passRoomOn(int places) {
        List<QueueClaims> others = handlerSet.nextForRoom(places);
        if (!others.isEmpty()) {
            onRoom.accept(others);
        }
    }

    /**
     * Counts new messages that are about to be stored for direct dispatch, unless they would be more than this process should hold.
     *
     * @return whether they are counted; {@link #letGo} or the end of their run takes them out again
     */
    boolean tryAdd(int messages) {
        if (bounds.room() < messages
                || bounds.roomBytes() <= 0
                || !bounds.hasThreadSoon(prefetch.handlersAreFast())
                || !handlerSet.tryAdd(messages)) {
            return false;
        }
        count.addAndGet(messages);
        bounds.add(messages);
        return true;
    }

    /** Counts and takes over a suspect, which is the next that a thread takes. */
    void acceptSuspect(ClaimedMessage suspect) {
        count.incrementAndGet();
        handlerSet.add(1);
        bounds.add(1);
        bounds.received(1, suspect.content().bytes());
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
        long bytes = bytes(messages);
        prefetch.received(messages.size(), bytes);
        bounds.received(messages.size(), bytes);
        buffer.put(messages);
    }

    private static long bytes(List<ClaimedMessage> messages) {
        long bytes = 0;
        for (ClaimedMessage message : messages) {
            bytes += message.content().bytes();
        }
        return bytes;
    }

    /** Takes messages that the calling thread should run next, and announces their start. An empty batch: nothing waits. */
    HandlerBatch take() {
        List<ClaimedMessage> next = buffer.take(prefetch::messagesPerTake);
        try {
            starts.announce(next);
        } catch (Throwable error) {
            buffer.put(next);
            throw error;
        }
        return new HandlerBatch(next);
    }

    /** Whether messages wait for a thread. */
    boolean hasWaiting() {
        return buffer.isFilled();
    }

    /** Returns messages that no thread has begun: to the other threads or, once this is closed, to the queue. */
    void putBack(List<ClaimedMessage> messages) {
        buffer.put(messages);
    }

    /** Notes that these messages were run and how long that took. The completer has their results. */
    void ran(int messages, long bytes, long nanos) {
        prefetch.ran(messages, nanos);
        letGo(messages, bytes);
    }

    /** Stops counting messages: they were run, or given up, or were not stored. */
    void letGo(int messages, long bytes) {
        uncount(messages, bytes);
        if (isWorthAClaim()) {
            onWorthAClaim.run();
        }
    }

    private void uncount(int messages, long bytes) {
        count.addAndGet(-messages);
        List<QueueClaims> others = handlerSet.roomFor(messages);
        bounds.remove(messages, bytes);
        if (!others.isEmpty()) {
            onRoom.accept(others);
        }
    }

    /** Gives back what waits for a handler thread. What comes later is taken as before. */
    void giveBackWaiting() {
        List<ClaimedMessage> waiting = buffer.takeAll();
        if (!waiting.isEmpty()) {
            giveBack(waiting);
        }
    }

    /** Closes the buffer. Messages in it, and those that come later, go back to the queue untouched. */
    void close() {
        buffer.close();
    }

    boolean isClosed() {
        return buffer.isClosed();
    }

    private void giveBack(List<ClaimedMessage> messages) {
        starts.released(messages);
        release.accept(messages); // before they are no longer counted: see the class comment
        uncount(messages.size(), bytes(messages));
    }
}
