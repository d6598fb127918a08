package io.postroom.api;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * How many messages of a queue, or of the queues that name a destination, may start in a period, and how many may be in progress, over all
 * processes. The limiter of a fair queue may limit each of its groups, too. Immutable: every method returns a changed copy. At least one of
 * the limits has to be set before {@link Limiters#set}.
 *
 * @param queue name of the queue; empty: it is one of a destination
 * @param destination name of an external system; empty: it is one of a queue
 * @param maxStarts see {@link #maxStarts(int, Duration)}
 * @param period given with {@code maxStarts}
 * @param window see {@link #window(Window)}
 * @param maxInProgress see {@link #maxInProgress(int)}
 * @param maxStartsPerGroup see {@link #maxStartsPerGroup(int, Duration)}
 * @param periodPerGroup given with {@code maxStartsPerGroup}
 * @param maxInProgressPerGroup see {@link #maxInProgressPerGroup(int)}
 */
public record Limiter(
        Optional<String> queue,
        Optional<String> destination,
        Optional<Integer> maxStarts,
        Optional<Duration> period,
        Window window,
        Optional<Integer> maxInProgress,
        Optional<Integer> maxStartsPerGroup,
        Optional<Duration> periodPerGroup,
        Optional<Integer> maxInProgressPerGroup) {

    /** Largest number of starts, and of messages in progress. */
    public static final int MOST = 1_000_000_000;
    /** Shortest period: 100 ms. */
    public static final Duration SHORTEST_PERIOD = Duration.ofMillis(100);

    /** Which spans of time are meant by a period. The database's clock counts. */
    public enum Window {
        /**
         * Any span of the length of the period. A start comes back a few milliseconds later than it might. That of a handler that runs for
         * longer than a tenth of the period comes back that much later, 50 ms at least and 200 ms at most.
         */
        SLIDING,
        /**
         * From one multiple of the period since 1970 in UTC to the next: full minutes, hours or days. Twice as many starts may fall into a
         * span across the border. Nothing is claimed in the last tenth of a period, 50 ms at least and 200 ms at most.
         */
        FIXED;

        /** Returns the word that SQL and REST use, as in {@code sliding}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /**
         * Reads the word that SQL and REST use.
         *
         * @throws InvalidMessageException the word names no window
         */
        public static Window ofWord(String word) {
            return Limits.requireWord("window", values(), Window::word, word, "fixed or sliding");
        }
    }

    public Limiter {
        if (queue.isPresent() == destination.isPresent()) {
            throw new InvalidMessageException("queue", "given, or destination, and never both", queue.orElse(""));
        }
        queue.ifPresent(name -> Limits.requireName("queue", name));
        destination.ifPresent(name -> Limits.requireName("destination", name));
        maxStarts.ifPresent(starts -> Limits.requireRange("maxStarts", starts, 1, MOST));
        maxInProgress.ifPresent(messages -> Limits.requireRange("maxInProgress", messages, 1, MOST));
        maxStartsPerGroup.ifPresent(starts -> Limits.requireRange("maxStartsPerGroup", starts, 1, MOST));
        maxInProgressPerGroup.ifPresent(messages -> Limits.requireRange("maxInProgressPerGroup", messages, 1, MOST));
        requirePeriod("period", period, "maxStarts", maxStarts);
        requirePeriod("periodPerGroup", periodPerGroup, "maxStartsPerGroup", maxStartsPerGroup);
        if (destination.isPresent() && (maxStartsPerGroup.isPresent() || maxInProgressPerGroup.isPresent())) {
            throw new InvalidMessageException(
                    maxStartsPerGroup.isPresent() ? "maxStartsPerGroup" : "maxInProgressPerGroup",
                    "left out for a destination",
                    destination.get());
        }
    }

    private static void requirePeriod(
            String field, Optional<Duration> period, String startsField, Optional<Integer> starts) {
        period.ifPresent(time -> Limits.requireDuration(field, time, SHORTEST_PERIOD));
        if (starts.isPresent() != period.isPresent()) {
            throw new InvalidMessageException(
                    field,
                    "given with " + startsField + ", and left out without",
                    period.map(Duration::toString).orElse(""));
        }
    }

    /** A limiter without limits of groups. */
    public Limiter(
            Optional<String> queue,
            Optional<String> destination,
            Optional<Integer> maxStarts,
            Optional<Duration> period,
            Window window,
            Optional<Integer> maxInProgress) {
        this(
                queue,
                destination,
                maxStarts,
                period,
                window,
                maxInProgress,
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    /** Whether no limit is set. */
    public boolean isEmpty() {
        return maxStarts.isEmpty()
                && maxInProgress.isEmpty()
                && maxStartsPerGroup.isEmpty()
                && maxInProgressPerGroup.isEmpty();
    }

    /**
     * Answers this limiter.
     *
     * @throws InvalidMessageException no limit is set
     */
    public Limiter requireLimit() {
        if (isEmpty()) {
            throw new InvalidMessageException(
                    "maxStarts", "1 to " + MOST + ", where the other limits are left out", "");
        }
        return this;
    }

    /** A limiter of a queue, without a limit so far. */
    public static Limiter ofQueue(String queue) {
        return new Limiter(
                Optional.of(queue),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Window.SLIDING,
                Optional.empty());
    }

    /** A limiter of a destination, without a limit so far. */
    public static Limiter ofDestination(String destination) {
        return new Limiter(
                Optional.empty(),
                Optional.of(destination),
                Optional.empty(),
                Optional.empty(),
                Window.SLIDING,
                Optional.empty());
    }

    /**
     * Sets how many handlers may start in a period; default: as many as can.
     *
     * @param starts 1 to 1,000,000,000
     * @param every 100 ms to 400 days
     */
    public Limiter maxStarts(int starts, Duration every) {
        return copy(Optional.of(starts), Optional.of(every), window, maxInProgress);
    }

    /** Sets which spans of time are meant; default {@link Window#SLIDING}. */
    public Limiter window(Window given) {
        return copy(maxStarts, period, given, maxInProgress);
    }

    /**
     * Sets how many messages may be in progress; default: as many as handlers take. What a dead process held counts until it is rescued.
     *
     * @param messages 1 to 1,000,000,000
     */
    public Limiter maxInProgress(int messages) {
        return copy(maxStarts, period, window, Optional.of(messages));
    }

    private Limiter copy(
            Optional<Integer> starts, Optional<Duration> every, Window meant, Optional<Integer> inProgress) {
        return new Limiter(
                queue,
                destination,
                starts,
                every,
                meant,
                inProgress,
                maxStartsPerGroup,
                periodPerGroup,
                maxInProgressPerGroup);
    }

    /**
     * Sets how many handlers may start in a period for each group of a fair queue; default: as many as can. Messages without a group share
     * one limit. A start counts for up to 1.1 s longer than its period, and for 0.3 s longer with a period of a second.
     *
     * @param starts 1 to 1,000,000,000
     * @param every 100 ms to 400 days
     */
    public Limiter maxStartsPerGroup(int starts, Duration every) {
        return new Limiter(
                queue,
                destination,
                maxStarts,
                period,
                window,
                maxInProgress,
                Optional.of(starts),
                Optional.of(every),
                maxInProgressPerGroup);
    }

    /**
     * Sets how many messages of each group of a fair queue may be in progress; default: as many as handlers take. Messages without a group
     * share one limit.
     *
     * @param messages 1 to 1,000,000,000
     */
    public Limiter maxInProgressPerGroup(int messages) {
        return new Limiter(
                queue,
                destination,
                maxStarts,
                period,
                window,
                maxInProgress,
                maxStartsPerGroup,
                periodPerGroup,
                Optional.of(messages));
    }
}
