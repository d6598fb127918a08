package io.postroom.bench;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler.FirstMatchingCompositeObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingReceiverTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingSenderTracingObservationHandler;
import io.micrometer.tracing.otel.bridge.OtelCurrentTraceContext;
import io.micrometer.tracing.otel.bridge.OtelPropagator;
import io.micrometer.tracing.otel.bridge.OtelTracer;
import io.micrometer.tracing.propagation.Propagator;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.postroom.Postroom;
import io.postroom.api.Outcome;
import io.postroom.bench.WorkloadResult.Row;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.metrics.BatchTracing;
import io.postroom.metrics.BulkTracing;
import io.postroom.metrics.MessageObservations;
import io.postroom.metrics.PostroomMetrics;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;

/**
 * W23: W1 with counters and gauges, then with an observation of each handler as a timer, too, as the starter has both where Micrometer
 * is, then with traces of which one in a hundred is sampled. Creating is observed, too, and not measured. Spans are made, and none is
 * exported. One more row has a bare observation of Micrometer, the least that an
 * observation can cost.
 */
final class ObservedWorkload implements Workload {
    private static final double SAMPLED = 0.01;
    private static final double GOAL = 1.03;

    @Override
    public String id() {
        return "W23";
    }

    @Override
    public String title() {
        return "W1 with metrics and with traces";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(DrainWorkload.MESSAGES) * 1_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        Contender plain = Contenders.postroom();
        Row base = result.row(plain.name(), plain.settings(), null);
        add(bench, rounds, base, plain);
        Row counted = row(bench, result, rounds, base, "counters and gauges", ObservedWorkload::counted);
        Row timed = row(bench, result, rounds, base, "timers, too", ObservedWorkload::timed);
        row(bench, result, rounds, counted, "counters, gauges and a bare observation", ObservedWorkload::bare);
        Row traced = row(bench, result, rounds, base, "traces, too, 1 % sampled", ObservedWorkload::traced);
        rounds.run();
        compare(bench, result, "counters and gauges", counted, base, "without");
        compare(bench, result, "timers", timed, counted, "with counters and gauges");
        compare(bench, result, "traces", traced, timed, "with timers");
        return result;
    }

    private static void compare(Bench bench, WorkloadResult result, String what, Row row, Row base, String without) {
        result.atMost(
                "CPU with " + what + " <= " + GOAL + " x " + without,
                row.ratio(base, Sample::cpu).median(),
                GOAL,
                bench.options());
    }

    private static Row row(
            Bench bench,
            WorkloadResult result,
            Rounds rounds,
            Row base,
            String name,
            UnaryOperator<Postroom.Builder> more) {
        Contender contender = PostroomContender.with(name, more);
        Row row = result.row(contender.name(), contender.settings(), base);
        add(bench, rounds, row, contender);
        return row;
    }

    private static void add(Bench bench, Rounds rounds, Row row, Contender contender) {
        int messages = bench.options().messages(DrainWorkload.MESSAGES);
        rounds.add(
                row,
                warmUp -> bench.trial(contender, opened -> DrainWorkload.drain(opened, messages, Payloads.usual())));
    }

    private static Postroom.Builder counted(Postroom.Builder builder) {
        PostroomMetrics metrics = new PostroomMetrics(new PrometheusMeterRegistry(PrometheusConfig.DEFAULT));
        return builder.listener(metrics).queueStatsListener(metrics);
    }

    private static Postroom.Builder timed(Postroom.Builder builder) {
        MeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        ObservationRegistry observations = ObservationRegistry.create();
        observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(registry));
        return with(builder, registry, observations);
    }

    /** The least that an observation with a timer can cost: no key values, and nothing of ours. */
    private static Postroom.Builder bare(Postroom.Builder builder) {
        MeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        ObservationRegistry observations = ObservationRegistry.create();
        observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(registry));
        PostroomMetrics metrics = new PostroomMetrics(registry);
        return builder.listener(metrics).queueStatsListener(metrics).interceptor(new MessageInterceptor() {
            @Override
            public Outcome aroundHandling(MessageContext message, Callable<Outcome> next) throws Exception {
                return Objects.requireNonNull(
                        Observation.createNotStarted("bench.bare", observations).observeChecked(next::call));
            }
        });
    }

    private static Postroom.Builder traced(Postroom.Builder builder) {
        MeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        io.opentelemetry.api.trace.Tracer opened = SdkTracerProvider.builder()
                .setSampler(Sampler.parentBased(Sampler.traceIdRatioBased(SAMPLED)))
                .build()
                .get("bench");
        Tracer tracer = new OtelTracer(opened, new OtelCurrentTraceContext(), event -> {});
        Propagator propagator =
                new OtelPropagator(ContextPropagators.create(W3CTraceContextPropagator.getInstance()), opened);
        ObservationRegistry observations = ObservationRegistry.create();
        observations
                .observationConfig()
                .observationHandler(new DefaultMeterObservationHandler(registry))
                .observationHandler(new FirstMatchingCompositeObservationHandler(
                        new BatchTracing(tracer, propagator),
                        new BulkTracing(tracer),
                        new PropagatingReceiverTracingObservationHandler<>(tracer, propagator),
                        new PropagatingSenderTracingObservationHandler<>(tracer, propagator),
                        new DefaultTracingObservationHandler(tracer)));
        return with(builder, registry, observations);
    }

    private static Postroom.Builder with(
            Postroom.Builder builder, MeterRegistry registry, ObservationRegistry observations) {
        PostroomMetrics metrics = new PostroomMetrics(registry);
        return builder.listener(metrics).queueStatsListener(metrics).interceptor(new MessageObservations(observations));
    }
}
