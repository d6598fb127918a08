package io.postroom.internal.worker;

import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ReplyMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What became of the replies that handlers of this process gave. Thread-safe. */
final class SentReplies {
    private static final Logger log = LoggerFactory.getLogger(SentReplies.class);

    private final Notifier notifier;
    private final LongAdder undeliverable = new LongAdder();
    private final RepeatedWarning warning = new RepeatedWarning();

    SentReplies(Notifier notifier) {
        this.notifier = notifier;
    }

    /** Takes ends that were committed together with their replies. Wakes the processes that wait for these. */
    void written(List<Completion> ends) {
        List<Arrival> arrivals = new ArrayList<>(0);
        for (Completion end : ends) {
            ReplyMessage reply = end.reply();
            if (reply == null) {
                continue;
            }
            Arrival arrival = reply.arrival();
            if (arrival == null) {
                notStored(reply);
            } else {
                arrivals.add(arrival);
            }
        }
        if (!arrivals.isEmpty()) {
            notifier.wake(arrivals);
        }
    }

    private void notStored(ReplyMessage reply) {
        undeliverable.increment();
        synchronized (warning) {
            if (warning.isDue()) {
                log.warn(
                        "{} replies of handlers here reached no queue so far, the last one to request {}: queue \"{}\" is gone,"
                                + " and so is the caller. The request is Done",
                        undeliverable.sum(),
                        reply.request(),
                        reply.queue());
            }
        }
    }

    long undeliverable() {
        return undeliverable.sum();
    }
}
