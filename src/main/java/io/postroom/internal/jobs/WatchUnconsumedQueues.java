package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches for queues with READY messages that no process consumes: the name is misspelt, a handler is missing, or a service is away. The
 * first look logs each at once, later looks after a minute. Of many it names the first few and counts the others: a service that is away
 * may be the only one that consumes thousands. Runs on every node, also on one that only creates messages, as there may be no other.
 * Thread-safe.
 */
public final class WatchUnconsumedQueues implements Job {
    private static final Logger log = LoggerFactory.getLogger(WatchUnconsumedQueues.class);
    private static final Duration INTERVAL = Duration.ofSeconds(30);
    /** A restart of the only consumer takes less. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private static final int MOST_QUEUES = 1_000;
    private static final int NAMED = 10;

    private final JobStore store;
    /** When each such queue was first seen, by {@code System.nanoTime()}. */
    private final Map<String, Long> since = new TreeMap<>();

    private final Set<String> logged = new TreeSet<>();
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

    /** @param queues by name; a full list says nothing about names behind its last one */
    private synchronized void seen(List<String> queues) {
        Set<String> now = new HashSet<>(queues);
        String last = queues.size() < MOST_QUEUES ? null : queues.get(queues.size() - 1);
        Predicate<String> isOver = queue -> !now.contains(queue) && (last == null || queue.compareTo(last) <= 0);
        since.keySet().removeIf(isOver);
        queues.forEach(queue -> since.putIfAbsent(queue, System.nanoTime()));
        logOver(logged.stream().filter(isOver).toList());
        logNew(queues.stream()
                .filter(queue -> !looked || waited(queue).compareTo(PATIENCE) >= 0)
                .filter(logged::add)
                .toList());
        looked = true;
    }

    private void logOver(List<String> queues) {
        queues.forEach(logged::remove);
        named(queues).forEach(queue -> log.info("queue \"{}\" has a consumer again, or nothing READY", queue));
        if (queues.size() > NAMED) {
            log.info("{} more queues have a consumer again, or nothing READY", queues.size() - NAMED);
        }
    }

    private void logNew(List<String> queues) {
        named(queues)
                .forEach(queue -> log.warn(
                        "queue \"{}\" has READY messages, and no running process consumes it. Start one with a handler for it, or, if"
                                + " its name is misspelt, create the messages anew and delete it: queues.delete(\"{}\", false, true)",
                        queue,
                        queue));
        if (queues.size() > NAMED) {
            log.warn(
                    "{} more queues have READY messages, and no running process consumes them. The last of them by name is \"{}\"",
                    queues.size() - NAMED,
                    queues.get(queues.size() - 1));
        }
    }

    private static List<String> named(List<String> queues) {
        return queues.subList(0, Math.min(NAMED, queues.size()));
    }

    /**
     * Sentences about queues that have been without a consumer for a minute or longer: one for each of the first ten, and one for the
     * others. Asks no database.
     */
    public synchronized List<String> warnings() {
        List<String> queues = since.keySet().stream()
                .filter(queue -> waited(queue).compareTo(PATIENCE) >= 0)
                .toList();
        List<String> sentences = new ArrayList<>();
        named(queues)
                .forEach(queue ->
                        sentences.add("queue \"" + queue + "\" has READY messages, and no process has consumed it for "
                                + waited(queue).toSeconds() + " s"));
        if (queues.size() > NAMED) {
            sentences.add(
                    (queues.size() - NAMED) + " more queues have READY messages, and no process has consumed them for "
                            + PATIENCE.toSeconds() + " s or longer");
        }
        return sentences;
    }

    /** Lets time pass at once, for tests. */
    public synchronized void advance(Duration time) {
        since.replaceAll((queue, nanos) -> nanos - time.toNanos());
    }

    private Duration waited(String queue) {
        return Duration.ofNanos(System.nanoTime() - since.get(queue));
    }
}
