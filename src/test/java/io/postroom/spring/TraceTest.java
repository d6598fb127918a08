package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingReceiverTracingObservationHandler;
import io.micrometer.tracing.handler.PropagatingSenderTracingObservationHandler;
import io.micrometer.tracing.handler.TracingObservationHandler;
import io.micrometer.tracing.otel.bridge.OtelCurrentTraceContext;
import io.micrometer.tracing.otel.bridge.OtelPropagator;
import io.micrometer.tracing.otel.bridge.OtelTracer;
import io.micrometer.tracing.propagation.Propagator;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.handler.MessageContext;
import io.postroom.handler.ProcessingMessage;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationHandlerGroup;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Traces of OpenTelemetry, as a tracer of Spring Boot's makes them: from a request to a host until the last handler. */
@PostgresTest
class TraceTest {
    private static Host.Running host;

    @BeforeAll
    static void start(TestDatabase database) {
        host = Host.on(database)
                .with(Tracing.class, Shop.class, Mailer.class, Archive.class)
                .web()
                .start();
    }

    @AfterAll
    static void stop() {
        host.close();
    }

    /** Sends a request that belongs to a trace of its caller. */
    private static void request(String queue, String trace) throws IOException, InterruptedException {
        String port = host.context().getEnvironment().getRequiredProperty("local.server.port");
        HttpResponse<Void> answer = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/orders/" + queue))
                                .header("traceparent", "00-" + trace + "-00000000000000a1-01")
                                .POST(BodyPublishers.noBody())
                                .build(),
                        HttpResponse.BodyHandlers.discarding());
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    private static List<SpanData> of(String trace) {
        return Tracing.ENDED.stream()
                .filter(span -> span.getTraceId().equals(trace))
                .toList();
    }

    private static SpanData named(List<SpanData> spans, String name) {
        return spans.stream()
                .filter(span -> span.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void one_trace_goes_from_a_request_through_create_and_retry_to_the_last_attempt() throws Exception {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        request("mail", trace);
        List<SpanData> spans = await().until(() -> of(trace), seen -> seen.size() >= 4);
        assertThat(spans)
                .extracting(SpanData::getName)
                .containsExactlyInAnyOrder("http post /orders/{queue}", "send mail", "process mail", "process mail");
        SpanData request = named(spans, "http post /orders/{queue}");
        SpanData send = named(spans, "send mail");
        assertThat(request.getParentSpanId()).isEqualTo("00000000000000a1");
        assertThat(send.getParentSpanId()).isEqualTo(request.getSpanId());
        assertThat(spans)
                .filteredOn(span -> span.getName().equals("process mail"))
                .allMatch(span -> span.getParentSpanId().equals(send.getSpanId()))
                .allMatch(span -> span.getLinks().isEmpty())
                .extracting(span -> span.getAttributes().get(AttributeKey.stringKey("postroom.outcome")))
                .containsExactlyInAnyOrder("retry", "done");
    }

    @Test
    void call_for_several_messages_is_a_trace_with_links_to_those_of_its_messages() throws Exception {
        List<String> traces = List.of("0000000000000000000000000000000a", "0000000000000000000000000000000b");
        Postroom postroom = host.bean(Postroom.class);
        postroom.queues().pause("archive");
        for (String trace : traces) {
            request("archive", trace);
        }
        host.queueMessages()
                .createMessage(CreateMessage.to("archive")
                        .header("traceparent", "broken")
                        .json("\"x\""));
        postroom.queues().resume("archive");
        SpanData call = await().until(
                        () -> Tracing.ENDED.stream()
                                .filter(span -> span.getName().equals("process archive"))
                                .findFirst(),
                        found -> found.isPresent())
                .orElseThrow();
        assertThat(call.getAttributes().get(AttributeKey.stringKey("messaging.batch.message_count")))
                .as("all three in one call")
                .isEqualTo("3");
        assertThat(call.getParentSpanContext().isValid()).as("has a parent").isFalse();
        assertThat(call.getLinks())
                .extracting(link -> link.getSpanContext().getTraceId() + " "
                        + link.getSpanContext().getSpanId())
                .containsAll(traces.stream()
                        .map(trace ->
                                trace + " " + named(of(trace), "send archive").getSpanId())
                        .toList())
                .as("and the one that the tracer made for the third")
                .hasSize(3);
        assertThat(call.getAttributes().get(AttributeKey.stringKey("messaging.message.id")))
                .isNull();
    }

    @Test
    void call_that_creates_several_messages_is_a_span_with_links_to_the_creations_of_its_messages() {
        List<CreateMessage> messages = List.of(
                CreateMessage.to("bulk-a").json("\"x\""),
                CreateMessage.to("bulk-a").json("\"x\""),
                CreateMessage.to("bulk-b").json("\"x\""));
        Span request = host.bean(Tracer.class).nextSpan().name("request").start();
        try (Tracer.SpanInScope scope = host.bean(Tracer.class).withSpan(request)) {
            host.queueMessages().createMessages(messages.subList(0, 2));
            host.queueMessages().createMessages(messages);
            assertThatThrownBy(() -> host.queueMessages()
                            .createMessages(List.of(
                                    messages.get(0), CreateMessage.to("bulk-a").json("\"\\u0000\""))))
                    .isInstanceOf(InvalidMessageException.class);
        } finally {
            request.end();
        }
        List<SpanData> spans = of(request.context().traceId());
        List<SpanData> sends =
                spans.stream().filter(span -> span.getName().startsWith("send")).toList();
        assertThat(sends).extracting(SpanData::getName).containsExactly("send bulk-a", "send");
        assertThat(sends)
                .as("none for messages that were refused, which are not stored")
                .allMatch(span -> span.getKind() == SpanKind.CLIENT)
                .allMatch(
                        span -> span.getParentSpanId().equals(request.context().spanId()))
                .extracting(span -> span.getAttributes().get(AttributeKey.stringKey("messaging.batch.message_count")))
                .containsExactly("2", "3");
        List<SpanData> creations = spans.stream()
                .filter(span -> span.getName().startsWith("create "))
                .toList();
        assertThat(creations)
                .hasSize(7)
                .allMatch(span -> span.getKind() == SpanKind.PRODUCER)
                .allMatch(span ->
                        "create".equals(span.getAttributes().get(AttributeKey.stringKey("messaging.operation.type"))));
        assertThat(sends.stream()
                        .flatMap(send -> send.getLinks().stream())
                        .map(link -> link.getSpanContext().getSpanId()))
                .containsExactlyElementsOf(
                        creations.stream().limit(5).map(SpanData::getSpanId).toList());
    }

    @RestController
    static class Shop {
        private final QueueMessages messages;

        Shop(QueueMessages messages) {
            this.messages = messages;
        }

        @PostMapping("/orders/{queue}")
        void order(@PathVariable("queue") String queue) {
            messages.createMessage(CreateMessage.to(queue).json("\"x\""));
        }
    }

    @SendMessage(value = "mail", attempts = 2, retryAfter = "1ms")
    static class Mailer implements SendMessageHandler<String> {
        @Override
        public Outcome send(String text, MessageContext context) {
            return context.failures() == 0 ? Outcome.retry("not yet") : Outcome.done();
        }
    }

    static class Archive {
        @ProcessingMessage(value = "archive", batch = 10)
        void store(List<String> texts) {}
    }

    /** What Spring Boot's modules for tracing configure, with a list in place of an exporter. */
    @Configuration
    static class Tracing {
        static final List<SpanData> ENDED = new CopyOnWriteArrayList<>();

        private final io.opentelemetry.api.trace.Tracer tracer = SdkTracerProvider.builder()
                .addSpanProcessor(new SpanProcessor() {
                    @Override
                    public void onStart(Context parent, ReadWriteSpan span) {}

                    @Override
                    public boolean isStartRequired() {
                        return false;
                    }

                    @Override
                    public void onEnd(ReadableSpan span) {
                        ENDED.add(span.toSpanData());
                    }

                    @Override
                    public boolean isEndRequired() {
                        return true;
                    }
                })
                .build()
                .get("test");

        @Bean
        Tracer tracer() {
            return new OtelTracer(tracer, new OtelCurrentTraceContext(), event -> {});
        }

        @Bean
        Propagator propagator() {
            return new OtelPropagator(ContextPropagators.create(W3CTraceContextPropagator.getInstance()), tracer);
        }

        @Bean
        ObservationHandlerGroup tracing() {
            return ObservationHandlerGroup.of(TracingObservationHandler.class);
        }

        @Bean
        @Order(1000)
        PropagatingReceiverTracingObservationHandler<?> receivers(Tracer tracer, Propagator propagator) {
            return new PropagatingReceiverTracingObservationHandler<>(tracer, propagator);
        }

        @Bean
        @Order(2000)
        PropagatingSenderTracingObservationHandler<?> senders(Tracer tracer, Propagator propagator) {
            return new PropagatingSenderTracingObservationHandler<>(tracer, propagator);
        }

        @Bean
        @Order(3000)
        DefaultTracingObservationHandler others(Tracer tracer) {
            return new DefaultTracingObservationHandler(tracer);
        }
    }
}
