package io.postroom.server.demo;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/** Writes what the demo shows in the terminal. */
final class DemoScreen {
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final Duration INTERVAL_WITHOUT_NEWS = Duration.ofSeconds(15);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);

    static final String ONE_MORE =
            "{\"queue\":\"notifications\",\"type\":\"ticket.event\",\"version\":1,\"correlationId\":\"my-order\",\"payload\":{"
                    + "\"trackingId\":\"11111111-2222-4333-8444-555555555555\",\"operation\":\"ticket.checked-out\","
                    + "\"timestamp\":\"2026-01-05T20:00:00Z\",\"email\":\"me@example.org\",\"name\":\"Me\","
                    + "\"order\":\"A-1\",\"amount\":46.50,\"summary\":\"2 x Hamlet, row 7\"}}";

    static final String LOOK = "SELECT state, deliveries, failures, error, created_at, finished_at "
            + "FROM postroom.queue_messages WHERE correlation_id = 'my-order'";

    private final Consumer<String> terminal;
    private final int lines;
    private final long startedAt = System.nanoTime();
    private long shownAt = startedAt;
    private long sentBefore = -1;
    private String shown = "";

    DemoScreen(Consumer<String> terminal, int lines) {
        this.terminal = terminal;
        this.lines = lines;
    }

    void begins(String file, int linesRead) {
        terminal.accept("");
        terminal.accept(
                linesRead == 0
                        ? "Demo: " + lines + " ticket events from " + file
                                + ", each to become a mail. Some fail on purpose."
                        : "Demo: goes on behind line " + linesRead + " of " + lines + " of " + file + ".");
    }

    /** Tells whether a second has passed since the last line. */
    boolean isDue() {
        return System.nanoTime() - shownAt >= INTERVAL.toNanos();
    }

    /**
     * @param counts of mails by state
     * @param booked how many orders the accounting system knows
     */
    void show(int linesRead, Map<String, Long> counts, long booked) {
        long now = System.nanoTime();
        long sent = counts.getOrDefault("DONE", 0L);
        String news = String.format(
                Locale.ROOT,
                "read %5d/%d   sent %5d   waiting %5d   retrying %4d   dead %3d   booked %5d",
                linesRead,
                lines,
                sent,
                counts.getOrDefault("READY", 0L) + counts.getOrDefault("IN_PROGRESS", 0L),
                counts.getOrDefault("DELAYED", 0L),
                counts.getOrDefault("DEAD", 0L),
                booked);
        if (news.equals(shown) && now - shownAt < INTERVAL_WITHOUT_NEWS.toNanos()) {
            return;
        }
        double seconds = (now - shownAt) / 1e9;
        long perSecond = sentBefore < 0 ? 0 : Math.round((sent - sentBefore) / seconds);
        terminal.accept(sentBefore < 0 ? news : news + String.format(Locale.ROOT, "   %5d/s", perSecond));
        shown = news;
        shownAt = now;
        sentBefore = sent;
    }

    void finished(Map<String, Long> counts, DemoBooks.Results done, Demo.Hints hints) {
        Duration took = Duration.ofNanos(System.nanoTime() - startedAt);
        terminal.accept("");
        terminal.accept(
                String.format(Locale.ROOT, "Demo: finished, %d events in %.1f s.", lines, took.toMillis() / 1000.0));
        results(counts, done, hints);
    }

    void alreadyFinished(Instant at, Map<String, Long> counts, DemoBooks.Results done, Demo.Hints hints) {
        terminal.accept("");
        terminal.accept("Demo: finished already on " + TIME.format(at.atZone(ZoneId.systemDefault()))
                + "; --postroom.demo=again runs it once more.");
        results(counts, done, hints);
    }

    private void results(Map<String, Long> counts, DemoBooks.Results done, Demo.Hints hints) {
        terminal.accept("");
        terminal.accept("  " + DemoProgress.COUNT_ALL_BY_STATE);
        terminal.accept("");
        counts.forEach((state, count) -> terminal.accept(String.format(Locale.ROOT, "    %-12s %6d", state, count)));
        terminal.accept("");
        parts(done);
        terminal.accept("");
        terminal.accept("  " + hints.mails());
        terminal.accept("");
        terminal.accept("  Create one more message:");
        terminal.accept("");
        terminal.accept("    curl -s -X POST " + hints.api() + "/messages -H 'Content-Type: application/json' -d '"
                + ONE_MORE + "'");
        terminal.accept("");
        terminal.accept("  and look at it (the same in any SQL client):");
        terminal.accept("");
        terminal.accept("    " + hints.psql() + " -c \"" + LOOK + "\"");
        terminal.accept("");
    }

    private void parts(DemoBooks.Results done) {
        part("files", "%d imported: %d orders, %d bad lines", done.files(), done.lines(), done.badLines());
        part(
                "requests",
                "%d for %d orders, at most %d in any second",
                done.requests(),
                done.orders(),
                done.mostInASecond());
        part("schedule", "%d runs", done.runs());
        part("batch", "%d of %d shows settled, %d dead", done.done(), done.members(), done.dead());
    }

    private void part(String name, String format, Object... figures) {
        terminal.accept(String.format(Locale.ROOT, "    %-12s ", name) + String.format(Locale.ROOT, format, figures));
    }
}
