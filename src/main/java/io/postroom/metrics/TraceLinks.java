package io.postroom.metrics;

import io.micrometer.tracing.Link;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Links of a span to the spans that messages name in their headers. */
final class TraceLinks {
    static final String HEADER = "traceparent";

    private static final Pattern TRACEPARENT =
            Pattern.compile("(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?");

    private TraceLinks() {}

    /** @param traceparent a header of a message, by W3C; null or another text: there is no link */
    static void add(Span.Builder span, Tracer tracer, @Nullable String traceparent) {
        Matcher creation = TRACEPARENT.matcher(traceparent == null ? "" : traceparent.toLowerCase(Locale.ROOT));
        if (creation.matches()) {
            span.addLink(new Link(tracer.traceContextBuilder()
                    .traceId(creation.group(1))
                    .spanId(creation.group(2))
                    .sampled((Integer.parseInt(creation.group(3), 16) & 1) == 1)
                    .build()));
        }
    }
}
