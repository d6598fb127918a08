package io.postroom.metrics;

import io.micrometer.observation.Observation;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.PropagatingReceiverTracingObservationHandler;
import io.micrometer.tracing.propagation.Propagator;
import io.postroom.handler.MessageContext;

/**
 * Starts the span of a call for several messages: the root of a trace of its own, with a link to the creation of each message, as the
 * messaging conventions of OpenTelemetry say. It finds the creations in the headers {@code traceparent} (W3C). A message without one has no
 * link. Calls for one message are left to other handlers, so put this one before {@code PropagatingReceiverTracingObservationHandler}; the
 * starter does. Thread-safe.
 */
public final class BatchTracing extends PropagatingReceiverTracingObservationHandler<ProcessContext> {
    public BatchTracing(Tracer tracer, Propagator propagator) {
        super(tracer, propagator);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof ProcessContext call && call.messages().size() > 1;
    }

    @Override
    public Span.Builder customizeExtractedSpan(ProcessContext context, Span.Builder span) {
        span.setNoParent();
        for (MessageContext message : context.messages()) {
            TraceLinks.add(span, getTracer(), message.headers().get(TraceLinks.HEADER));
        }
        return span;
    }
}
