package io.postroom.internal.jobs;

import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.DatabaseInspection;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs changes by an administrator that keep messages from being handled, or settings that are ignored, at WARN and at growing intervals.
 * Runs on every node, because each one may have a role of its own.
 */
public final class InspectDatabase implements Job {
    private static final Logger log = LoggerFactory.getLogger(InspectDatabase.class);
    private static final Duration INTERVAL = Duration.ofMinutes(1);

    private final DatabaseInspection database;
    private final Map<String, RepeatedWarning> said = new HashMap<>();
    private volatile List<String> obstacles = List.of();

    public InspectDatabase(DatabaseInspection database) {
        this.database = database;
    }

    /** What keeps messages from being handled, as of the last look; for health checks. Thread-safe. */
    public List<String> obstacles() {
        return obstacles;
    }

    @Override
    public String name() {
        return "InspectDatabase";
    }

    @Override
    public Duration run() {
        DatabaseInspection.Findings found = database.inspect();
        obstacles = List.copyOf(found.obstacles());
        Set<String> all = new LinkedHashSet<>(found.obstacles());
        all.addAll(found.warnings());
        for (String sentence : all) {
            if (said.computeIfAbsent(sentence, any -> new RepeatedWarning()).isDue()) {
                log.warn("{}", sentence);
            }
        }
        said.keySet().removeIf(sentence -> {
            boolean over = !all.contains(sentence);
            if (over) {
                log.info("no longer so: {}", sentence);
            }
            return over;
        });
        return INTERVAL;
    }
}
