package io.postroom.spring;

import io.postroom.SchemaMode;
import io.postroom.api.RecentFailures;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the starter. Defaults are those of the builder.
 *
 * @param enabled Whether Postroom is set up at all.
 * @param name Name of this process for people, in logs and in the table of workers. Host name and process id by default.
 * @param transactionManager Bean name of the transaction manager Postroom belongs to. The primary or only one by default.
 * @param datasource Bean name of the DataSource with the schema postroom. Needed only where it cannot be told from the transaction manager.
 * @param engineDatasource Bean name of a DataSource for the engine alone. By default a small pool with the settings of the host's.
 * @param declareOnUse Whether an unknown queue is made at its first use. Otherwise its name is an error.
 * @param killSignals Whether this process may create messages that stop consumers (CreateMessage.killSignal).
 * @param strictDeclarations Whether a declaration with other settings than the queue was last declared with is refused.
 * @param listen Whether to LISTEN and to send NOTIFY. Switch off behind PgBouncer in transaction mode, with prepareThreshold=0 in the URL.
 * @param leaseTime A process without a heartbeat for this long loses its messages to others. At least three times the beat interval.
 * @param beatInterval Time between two heartbeats.
 * @param pollInterval Longest time a message created by SQL waits before it is noticed.
 * @param handlerThreads Upper bound for the threads that run handlers, shared by all queues. From 1 to 10000.
 * @param virtualThreads Whether handlers run on virtual threads, with Java 21 or newer. As spring.threads.virtual.enabled by default.
 * @param schema What to do about the schema postroom.
 * @param workers What handles messages.
 * @param shutdown How to stop.
 * @param health When failed messages show in health.
 */
@ConfigurationProperties("postroom")
record PostroomProperties(
        @DefaultValue("true") boolean enabled,
        @Nullable String name,
        @Nullable String transactionManager,
        @Nullable String datasource,
        @Nullable String engineDatasource,
        @DefaultValue("true") boolean declareOnUse,
        @DefaultValue("false") boolean killSignals,
        @DefaultValue("false") boolean strictDeclarations,
        @DefaultValue("true") boolean listen,
        @DefaultValue("30s") Duration leaseTime,
        @DefaultValue("5s") Duration beatInterval,
        @DefaultValue("1s") Duration pollInterval,
        @DefaultValue("1000") int handlerThreads,
        @Nullable Boolean virtualThreads,
        @DefaultValue Schema schema,
        @DefaultValue Workers workers,
        @DefaultValue Shutdown shutdown,
        @DefaultValue Health health) {

    /** @param mode Whether the schema is migrated at start, only checked (for a role without DDL rights), or trusted. */
    record Schema(@DefaultValue("migrate") SchemaMode mode) {}

    /** @param enabled Whether this process handles messages. Otherwise it only creates them. */
    record Workers(@DefaultValue("true") boolean enabled) {}

    /**
     * @param drain How long running handlers may go on when the application stops. Cut so that it ends before
     *     spring.lifecycle.timeout-per-shutdown-phase. At most 1 day.
     */
    record Shutdown(@DefaultValue("30s") Duration drain) {
        Shutdown {
            if (drain.isNegative() || drain.compareTo(Duration.ofDays(1)) > 0) {
                throw new IllegalArgumentException("postroom.shutdown.drain must be 0 seconds to 1 day, got " + drain);
            }
        }
    }

    /**
     * @param status Status of the health component once a threshold is reached. A word of your own, or one of Spring Boot's.
     * @param within How far back failures count. From 10 seconds to 1 hour.
     * @param deadLetters Messages that this process gave up within that time at which the status is reached. 0: never.
     * @param failedAttempts Attempts that failed in this process within that time at which the status is reached. 0: never.
     */
    record Health(
            @DefaultValue("DEGRADED") String status,
            @DefaultValue("5m") Duration within,
            @DefaultValue("1") int deadLetters,
            @DefaultValue("100") int failedAttempts) {
        Health {
            if (status.isBlank()) {
                throw new IllegalArgumentException(
                        "postroom.health.status must be a word such as DEGRADED or DOWN, got \"" + status + "\"");
            }
            if (within.compareTo(Duration.ofSeconds(10)) < 0 || within.compareTo(Duration.ofHours(1)) > 0) {
                throw new IllegalArgumentException(
                        "postroom.health.within must be 10 seconds to 1 hour, got " + within);
            }
            if (deadLetters < 0 || failedAttempts < 0) {
                throw new IllegalArgumentException(
                        "postroom.health.dead-letters and failed-attempts must be 0 or more, got " + deadLetters
                                + " and " + failedAttempts);
            }
        }

        boolean isReachedBy(RecentFailures failures) {
            return deadLetters > 0 && failures.deadLetters() >= deadLetters
                    || failedAttempts > 0 && failures.failedAttempts() >= failedAttempts;
        }
    }
}
