package io.postroom.console;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the page says that follows a change. Addresses have the word alone. */
final class Done {
    private static final Map<String, String> SENTENCES = Map.ofEntries(
            Map.entry(
                    "paused",
                    "Paused. Processes take no more messages within a second or so; what is in progress goes on."),
            Map.entry("resumed", "Resumed."),
            Map.entry("stopping", "The consumers are told to stop. Their states show when they have."),
            Map.entry("started", "The consumers go on within a second or so."),
            Map.entry("cancelled", "Cancelled."),
            Map.entry("redriven", "Redriven: it is READY again, with no failures and crashes."),
            Map.entry("discarded", "Discarded."),
            Map.entry("moved", "It is due now."),
            Map.entry("unchanged", "Nothing was changed: it is not in the state for that any more."),
            Map.entry("stopped", "Stopped. What was moved stays moved."),
            Map.entry("revoked", "Revoked. Servers refuse it within about a second, and its sessions end."),
            Map.entry("ended", "It had ended before."),
            Map.entry("fired", "A worker creates the message within two seconds."),
            Map.entry("removed", "Removed."),
            Map.entry("unparked", "Its messages start again."));

    private Done() {}

    static void show(Page page, @Nullable String done) {
        if (done != null && SENTENCES.containsKey(done)) {
            page.notice(SENTENCES.get(done));
        }
    }
}
