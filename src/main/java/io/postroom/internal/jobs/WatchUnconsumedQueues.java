package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches for queues with READY messages that no process consumes: the name is misspelt, a handler is missing, or a service is away. The
 * first look logs each at once, later looks after a minute. Runs on every node, also on one that only creates messages, as there may be no
 * other. Thread-safe.
 */
public final class WatchUnconsumedQueues implements Job {
    private static final Logger log = LoggerFactory.getLogger(WatchUnconsumedQueues.class);
    private static final Duration INTERVAL = Duration.ofSeconds(15);
    /** A restart of the only consumer takes less. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private static final int MOST_QUEUES = 100;

    private final JobStore store;
    /** When each such queue was first seen, by {@code System.nanoTime()}. */
    private final Map<String, Long> since = new TreeMap<>();

    private final Set<String> logged = new HashSet<>();
    private boolean looked;

    public WatchUnconsumedQueues(JobStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "WatchUnconsumedQueues";
    }

    @Override
    public Duration run() {
        seen(store.unconsumedQueues(MOST_QUEUES));
        return INTERVAL;
    }

    private synchronized void seen(List<String> queues) {
        since.keySet().retainAll(queues);
        queues.forEach(queue -> since.putIfAbsent(queue, System.nanoTime()));
        List.copyOf(logged).stream().filter(queue -> !queues.contains(queue)).forEach(queue -> {
            logged.remove(queue);
            log.info("queue \"{}\" has a consumer again, or nothing READY", queue);
        });
        queues.stream()
                .filter(queue -> !looked || waited(queue).compareTo(PATIENCE) >= 0)
                .filter(logged::add)
                .forEach(queue -> log.warn(
                        "queue \"{}\" has READY messages, and no running process consumes it. Start one with a handler for it, or, if"
                                + " its name is misspelt, create the messages anew and delete it: queues.delete(\"{}\", false, true)",
                        queue,
                        queue));
        looked = true;
    }

    /** Sentences, one for each queue that has been without a consumer for a minute or longer. Asks no database. */
    public synchronized List<String> warnings() {
        return since.keySet().stream()
                .filter(queue -> waited(queue).compareTo(PATIENCE) >= 0)
                .map(queue -> "queue \"" + queue + "\" has READY messages, and no process has consumed it for "
                        + waited(queue).toSeconds() + " s")
                .toList();
    }

    /** Lets time pass at once, for tests. */
    public synchronized void advance(Duration time) {
        since.replaceAll((queue, nanos) -> nanos - time.toNanos());
    }

    private Duration waited(String queue) {
        return Duration.ofNanos(System.nanoTime() - since.get(queue));
    }
}
