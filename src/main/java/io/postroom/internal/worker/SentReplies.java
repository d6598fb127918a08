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
    private final RepeatedWarning gone = new RepeatedWarning();
    private final RepeatedWarning refusals = new RepeatedWarning();

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
        String refusal = reply.refusal();
        if (refusal == null) {
            withoutQueue(reply);
        } else {
            refused(reply, refusal);
        }
    }

    private void withoutQueue(ReplyMessage reply) {
        synchronized (gone) {
            if (gone.isDue()) {
                log.warn(
                        "{} replies of handlers here reached no queue so far, the last one to request {}: there is no queue \"{}\"."
                                + " The process that waited for the reply has ended, or the request named a wrong queue. The request"
                                + " is Done",
                        gone.times(),
                        reply.request(),
                        reply.queue());
            }
        }
    }

    private void refused(ReplyMessage reply, String refusal) {
        synchronized (refusals) {
            if (refusals.isDue()) {
                log.warn(
                        "{} replies of handlers here were refused by the database so far, the last one to request {} for queue"
                                + " \"{}\": {}. The request is Done, and who waits for the reply gets none",
                        refusals.times(),
                        reply.request(),
                        reply.queue(),
                        refusal);
            }
        }
    }

    long undeliverable() {
        return undeliverable.sum();
    }
}
