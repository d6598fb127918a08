package io.postroom.metrics;

import io.micrometer.observation.Observation;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.TracingObservationHandler;

/**
 * Makes the span of a call that creates several messages. The span is a part of the caller's trace, and links to the creation of each
 * message, as OpenTelemetry's messaging conventions say. It finds the creations in the headers {@code traceparent} (W3C). Put it
 * before {@code DefaultTracingObservationHandler}; the starter does. Thread-safe.
 */
public final class BulkTracing implements TracingObservationHandler<BulkContext> {
    private final Tracer tracer;

    public BulkTracing(Tracer tracer) {
        this.tracer = tracer;
    }

    @Override
    public void onStart(BulkContext context) {
        Span.Builder span =
                tracer.spanBuilder().kind(Span.Kind.CLIENT); // those of the creations are of the kind PRODUCER
        Span parent = getParentSpan(context);
        if (parent != null) {
            span.setParent(parent.context());
        }
        context.messages()
                .forEach(message ->
                        TraceLinks.add(span, tracer, message.headers().get(TraceLinks.HEADER)));
        getTracingContext(context).setSpan(span.start());
    }

    @Override
    public void onStop(BulkContext context) {
        Span span = getRequiredSpan(context);
        span.name(getSpanName(context));
        tagSpan(context, span);
        endSpan(context, span);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof BulkContext;
    }

    @Override
    public Tracer getTracer() {
        return tracer;
    }
}
