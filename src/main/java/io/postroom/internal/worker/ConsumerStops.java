package io.postroom.internal.worker;

import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.QueueReport.Stop;
import io.postroom.internal.storage.WorkerStore;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers orders to stop consumers of this process: first when such a consumer claims no more, then whenever the number of messages that it
 * holds has changed, until it holds none. Used by the poll's thread.
 *
 * <p>The report of a poll has marked the queue as stopped before. A claim that began earlier may still bring messages, so the first answer
 * waits for that claim. Everything that comes after it finds the mark.
 */
final class ConsumerStops {
    private static final Logger log = LoggerFactory.getLogger(ConsumerStops.class);
    private static final int NOT_ANSWERED = -1;

    private final WorkerStore store;
    private final Heartbeat heartbeat;
    private final Consumers consumers;
    /** The number of held messages in the last answer, by queue id, for each queue whose consumer is told to stop. */
    private final Map<Integer, Integer> answered = new HashMap<>();

    ConsumerStops(WorkerStore store, Heartbeat heartbeat, Consumers consumers) {
        this.store = store;
        this.heartbeat = heartbeat;
        this.consumers = consumers;
    }

    /** Takes over what a poll reported. An order that has no answer is a new one, although the consumer may have stopped for another. */
    void reported(QueueReport report) {
        if (report.stop() == Stop.NONE) {
            if (answered.remove(report.queueId()) != null) {
                log.info("the consumer of queue {} goes on", report.name());
            }
        } else if (report.stop() == Stop.ORDERED) {
            answered.put(report.queueId(), NOT_ANSWERED);
        } else {
            answered.putIfAbsent(report.queueId(), NOT_ANSWERED);
        }
    }

    /** Answers where something changed. */
    void answer() {
        answered.keySet().removeIf(queueId -> consumers.consumer(queueId) == null);
        for (Map.Entry<Integer, Integer> entry : answered.entrySet()) {
            Consumer consumer = consumers.consumer(entry.getKey());
            if (consumer == null || !consumer.queue().isStopped()) {
                continue; // replaced by another thread: the next report says more
            }
            boolean isFirst = entry.getValue() == NOT_ANSWERED;
            if (isFirst && !consumer.settleStop()) {
                continue;
            }
            int held = consumer.held();
            if (held == entry.getValue()) {
                continue;
            }
            String queue = consumer.queue().name();
            if (store.reportStopped(heartbeat.workerId(), heartbeat.instance(), entry.getKey(), queue, held)) {
                entry.setValue(held);
                if (isFirst) {
                    log.info("the consumer of queue {} was told to stop; it holds {} messages", queue, held);
                }
            }
        }
    }
}
