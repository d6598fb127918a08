package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueStats;
import io.postroom.handler.MessageContext;
import io.postroom.handler.QueueStatsListener;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import io.postroom.metrics.MessageLogFields;
import io.postroom.metrics.MessageObservations;
import io.postroom.metrics.PostroomMetrics;
import io.postroom.metrics.ProcessContext;
import io.postroom.metrics.SendContext;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.slf4j.MDC;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What a host's registries are told: meters, observations, and the fields of log lines. */
@PostgresTest
class MetricsTest {
    private final TestDatabase database;

    MetricsTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void ends_of_attempts_are_counted_by_queue_and_outcome() {
        try (Host.Running host = host().start()) {
            MeterRegistry meters = host.bean(MeterRegistry.class);
            host.await(create(host, CreateMessage.to("work").json("{}")), MessageState.DONE);
            host.await(
                    create(
                            host,
                            CreateMessage.to("work").header("answer", "reject").json("{}")),
                    MessageState.DEAD);
            host.await(
                    create(
                            host,
                            CreateMessage.to("work").header("answer", "retry").json("{}")),
                    MessageState.DEAD);
            await().untilAsserted(() -> assertThat(counts(meters))
                    .containsEntry("work done", 1.0)
                    .containsEntry("work reject", 1.0)
                    .containsEntry("work retry", 1.0)
                    .containsEntry("work failed", 1.0));
        }
    }

    private static Map<String, Double> counts(MeterRegistry meters) {
        return meters.find(PostroomMetrics.MESSAGES).counters().stream()
                .collect(Collectors.toMap(
                        counter -> counter.getId().getTag("queue") + " "
                                + counter.getId().getTag("outcome"),
                        counter -> counter.count()));
    }

    @Test
    void gauges_show_the_queues_and_one_process_of_two_publishes_them() {
        JdbcClient jdbc = JdbcClient.create(database.pool());
        jdbc.sql("SELECT postroom.create_message('waiting', '{}') FROM generate_series(1, 2)")
                .query()
                .listOfRows();
        jdbc.sql("SELECT postroom.create_message('waiting', '{}', delay => '1 hour')")
                .query()
                .listOfRows();
        try (Host.Running first = host().start()) {
            MeterRegistry meters = first.bean(MeterRegistry.class);
            await().ignoreExceptions()
                    .untilAsserted(
                            () -> assertThat(gauge(meters, "waiting", "ready")).isEqualTo(2));
            assertThat(gauge(meters, "waiting", "delayed")).isEqualTo(1);
            assertThat(gauge(meters, "waiting", "dead")).isZero();
            assertThat(meters.get(PostroomMetrics.OLDEST_AGE)
                            .tag("queue", "waiting")
                            .gauge()
                            .value())
                    .isGreaterThanOrEqualTo(0);
            try (Host.Running second = host().with("postroom.name", "second").start()) {
                await().until(() -> !second.bean(Stats.class).given.isEmpty());
                assertThat(second.bean(Stats.class).given).allMatch(List::isEmpty);
                assertThat(second.bean(MeterRegistry.class)
                                .find(PostroomMetrics.QUEUE_MESSAGES)
                                .gauges())
                        .isEmpty();
            }
        }
    }

    @Test
    void gauges_name_who_holds_the_horizon_until_it_lets_go() throws SQLException {
        String url = database.url() + (database.url().contains("?") ? "&" : "?") + "ApplicationName=report";
        try (Connection report = DriverManager.getConnection(url, database.user(), database.password())) {
            report.setAutoCommit(false);
            report.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            report.createStatement().execute("SELECT count(*) FROM postroom.queue");
            try (Host.Running host = host().start()) {
                MeterRegistry meters = host.bean(MeterRegistry.class);
                await().ignoreExceptions()
                        .untilAsserted(() -> assertThat(meters.get(PostroomMetrics.HORIZON_AGE)
                                        .tag("kind", "session")
                                        .tag("holder", "report")
                                        .gauge()
                                        .value())
                                .isGreaterThanOrEqualTo(0));
                assertThat(meters.find(PostroomMetrics.HORIZON_TRANSACTIONS)
                                .tag("kind", "session")
                                .gauges())
                        .as("one holder for each kind")
                        .hasSize(1);
            }
        }
    }

    @Test
    void gauge_of_the_horizon_ends_with_its_holder_and_names_are_bounded() {
        MeterRegistry meters = new SimpleMeterRegistry();
        PostroomMetrics metrics = new PostroomMetrics(meters);
        for (int i = 0; i < 200; i++) {
            metrics.onHorizon(List.of(slot("slot-" + i), slot("lesser")));
        }
        assertThat(meters.get(PostroomMetrics.HORIZON_TRANSACTIONS)
                        .tag("kind", "replication_slot")
                        .tag("holder", "other")
                        .gauge()
                        .value())
                .isEqualTo(7);
        metrics.onHorizon(List.of());
        assertThat(meters.find(PostroomMetrics.HORIZON_TRANSACTIONS).gauges()).isEmpty();
    }

    private static Holder slot(String name) {
        return new Holder(
                HolderKind.REPLICATION_SLOT,
                name,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of("not consumed"),
                Optional.empty(),
                Optional.of(7L),
                Optional.of(1L));
    }

    private static double gauge(MeterRegistry meters, String queue, String state) {
        return meters.get(PostroomMetrics.QUEUE_MESSAGES)
                .tag("queue", queue)
                .tag("state", state)
                .gauge()
                .value();
    }

    @Test
    void a_trace_goes_from_the_creation_through_a_retry_to_the_handler() {
        try (Host.Running host = host().start()) {
            Observations seen = host.bean(Observations.class);
            Created created = create(
                    host,
                    CreateMessage.to("work")
                            .correlationId("order 7")
                            .header("answer", "retry")
                            .json("{}"));
            host.await(created, MessageState.DEAD);
            await().until(() -> seen.ended.size() >= 3);
            assertThat(seen.ended.get(0)).isEqualTo("send work postroom.send");
            assertThat(seen.ended.subList(1, 3))
                    .as("two attempts, each with the trace of the creation")
                    .allMatch(line -> line.equals("process work postroom.process retry parent=trace-of-work"));
        }
    }

    @Test
    void lines_of_a_handler_carry_the_message_and_nothing_stays_behind() {
        try (Host.Running host = host().start()) {
            Created created = create(
                    host, CreateMessage.to("work").correlationId("order 7").json("{}"));
            host.await(created, MessageState.DONE);
            assertThat(host.bean(Worker.class).fields)
                    .last()
                    .satisfies(fields -> assertThat(fields)
                            .containsEntry(
                                    MessageLogFields.MESSAGE, created.id().toString())
                            .containsEntry(MessageLogFields.QUEUE, "work")
                            .containsEntry(MessageLogFields.CORRELATION, "order 7"));
            host.await(create(host, CreateMessage.to("work").json("{}")), MessageState.DONE);
            assertThat(host.bean(Worker.class).fields)
                    .last()
                    .satisfies(fields -> assertThat(fields).doesNotContainKey(MessageLogFields.CORRELATION));
        }
    }

    @Test
    void fields_of_an_outer_call_come_back_after_an_inner_one() throws Exception {
        MDC.put(MessageLogFields.QUEUE, "outer");
        MDC.put(MessageLogFields.CORRELATION, "outer order");
        try {
            MessageContext inner = mock(MessageContext.class);
            when(inner.id()).thenReturn(UUID.randomUUID());
            when(inner.queue()).thenReturn("inner");
            when(inner.correlationId()).thenReturn(Optional.empty());
            new MessageLogFields().aroundHandling(inner, () -> {
                assertThat(MDC.get(MessageLogFields.QUEUE)).isEqualTo("inner");
                assertThat(MDC.get(MessageLogFields.CORRELATION)).isNull();
                return Outcome.done();
            });
            assertThat(MDC.getCopyOfContextMap())
                    .isEqualTo(Map.of(MessageLogFields.QUEUE, "outer", MessageLogFields.CORRELATION, "outer order"));
        } finally {
            MDC.clear();
        }
    }

    @Test
    void trace_that_finds_no_room_in_the_headers_does_not_refuse_the_message() {
        ObservationRegistry registry = ObservationRegistry.create();
        registry.observationConfig().observationHandler(new Observations());
        CreateMessage full = CreateMessage.to("work");
        for (int i = 0; i < 64; i++) {
            full = full.header("h" + i, "v");
        }
        assertThat(new MessageObservations(registry).beforeCreate(full)).isEqualTo(full);
        assertThat(new MessageObservations(registry)
                        .beforeCreate(CreateMessage.to("work"))
                        .headers())
                .containsEntry("traceparent", "trace-of-work");
    }

    @Test
    void process_without_metrics_does_not_keep_a_later_one_from_publishing() {
        try (Host.Running silent = Host.on(database)
                        .with(Worker.class)
                        .with("postroom.metrics.enabled", false)
                        .with("postroom.name", "silent")
                        .start();
                Host.Running publishing = host().start()) {
            assertThat(silent.context().getBeansOfType(QueueStatsListener.class))
                    .isEmpty();
            await().until(() -> publishing.bean(Stats.class).given.stream().anyMatch(counts -> !counts.isEmpty()));
        }
    }

    @Test
    void each_part_can_be_switched_off() {
        try (Host.Running host = host().with("postroom.metrics.enabled", false)
                .with("postroom.observations.enabled", false)
                .with("postroom.log-fields.enabled", false)
                .start()) {
            host.await(create(host, CreateMessage.to("work").json("{}")), MessageState.DONE);
            assertThat(host.bean(MeterRegistry.class).getMeters())
                    .extracting(Meter::getId)
                    .noneMatch(id -> id.getName().startsWith("postroom."));
            assertThat(host.bean(Observations.class).ended).isEmpty();
            assertThat(host.bean(Worker.class).fields).last().isEqualTo(Map.of());
            assertThat(host.context().getBeansOfType(PostroomMetrics.class)).isEmpty();
        }
    }

    private static Created create(Host.Running host, CreateMessage message) {
        return host.queueMessages().createMessage(message);
    }

    private Host host() {
        return Host.on(database).with(Registries.class, Worker.class).with("postroom.poll-interval", "200ms");
    }

    record Task() {}

    @SendMessage(value = "work", attempts = 2, retryAfter = "1ms")
    static class Worker implements SendMessageHandler<Task> {
        final List<Map<String, String>> fields = new CopyOnWriteArrayList<>();

        @Override
        public Outcome send(Task task, MessageContext context) {
            Map<String, String> logged = MDC.getCopyOfContextMap();
            fields.add(logged == null ? Map.of() : logged);
            return switch (context.headers().getOrDefault("answer", "done")) {
                case "reject" -> Outcome.reject("no");
                case "retry" -> Outcome.retry("again");
                default -> Outcome.done();
            };
        }
    }

    /** Writes a header as a tracer does, and notes what ended. */
    static final class Observations implements ObservationHandler<Observation.Context> {
        final List<String> ended = new CopyOnWriteArrayList<>();

        @Override
        public void onStart(Observation.Context context) {
            if (context instanceof SendContext send) {
                send.getSetter()
                        .set(
                                send.getCarrier(),
                                "traceparent",
                                "trace-of-" + send.message().queue());
            }
        }

        @Override
        public void onStop(Observation.Context context) {
            String line = context.getContextualName() + " " + context.getName();
            if (context instanceof ProcessContext process) {
                line += " "
                        + process.getLowCardinalityKeyValue("postroom.outcome").getValue() + " parent="
                        + process.getGetter().get(process.getCarrier(), "traceparent");
            }
            ended.add(line);
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return context instanceof SendContext || context instanceof ProcessContext;
        }
    }

    /** Notes what it is given. */
    static final class Stats implements QueueStatsListener {
        final List<List<QueueStats>> given = new CopyOnWriteArrayList<>();

        @Override
        public void onStats(List<QueueStats> queues) {
            given.add(queues);
        }
    }

    @Configuration
    static class Registries {
        @Bean
        Stats stats() {
            return new Stats();
        }

        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }

        @Bean
        Observations seen() {
            return new Observations();
        }

        /** Spring Boot gives it its handlers. */
        @Bean
        ObservationRegistry observed() {
            return ObservationRegistry.create();
        }
    }
}
