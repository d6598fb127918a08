package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.internal.execution.Completer;
import java.util.ArrayList;
import java.util.List;

/** Says what keeps this process from its work. Asks no database. Thread-safe. */
final class Health {
    private final EngineSettings settings;
    private final Heartbeat heartbeat;
    private final Consumers consumers;
    private final Poller poller;
    private final Completer completer;

    Health(EngineSettings settings, Heartbeat heartbeat, Consumers consumers, Poller poller, Completer completer) {
        this.settings = settings;
        this.heartbeat = heartbeat;
        this.consumers = consumers;
        this.poller = poller;
        this.completer = completer;
    }

    /** Sentences, one a problem; empty: every loop has had a success lately and the leases are trusted. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        long longAgo = System.nanoTime()
                - settings.pollInterval().multipliedBy(3).plusSeconds(30).toNanos();
        if (!heartbeat.isLeaseSafe()) {
            problems.add("no heartbeat was confirmed for " + heartbeat.sinceBeat());
        }
        if (consumers.isConsuming() && poller.lastSuccessNanos() - longAgo < 0) {
            problems.add("no poll has succeeded for more than 30 s");
        }
        if (completer.pending() > 0 && completer.lastSuccessNanos() - longAgo < 0) {
            problems.add(completer.pending() + " results wait to be written for more than 30 s");
        }
        consumers.all().stream()
                .filter(consumer -> consumer.leakedThreads() > 0)
                .forEach(consumer -> problems.add(consumer.leakedThreads() + " handler calls of queue "
                        + consumer.queue().name() + " ignored their interrupt"));
        return problems;
    }
}
