package io.postroom.spring;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.propagation.Propagator;
import io.postroom.metrics.BatchTracing;
import io.postroom.metrics.BulkConvention;
import io.postroom.metrics.BulkTracing;
import io.postroom.metrics.MessageLogFields;
import io.postroom.metrics.MessageObservations;
import io.postroom.metrics.PostroomMetrics;
import io.postroom.metrics.ProcessConvention;
import io.postroom.metrics.SendConvention;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

/**
 * Adds metrics and observations to a host that has registries for them, and fields to what handlers log. {@code postroom.metrics.enabled},
 * {@code postroom.observations.enabled} and {@code postroom.log-fields.enabled} switch each off.
 */
@AutoConfiguration(
        before = PostroomAutoConfiguration.class,
        afterName = {
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.brave.autoconfigure.BraveAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration"
        })
class MetricsAutoConfiguration {
    @Bean
    @Order(Ordered.HIGHEST_PRECEDENCE + 20)
    @ConditionalOnMissingBean
    @ConditionalOnBooleanProperty(name = "postroom.log-fields.enabled", matchIfMissing = true)
    MessageLogFields postroomLogFields() {
        return new MessageLogFields();
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnBooleanProperty(name = "postroom.metrics.enabled", matchIfMissing = true)
    static class Meters {
        @Bean
        @ConditionalOnSingleCandidate(MeterRegistry.class)
        @ConditionalOnMissingBean
        PostroomMetrics postroomMetrics(MeterRegistry registry) {
            return new PostroomMetrics(registry);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Tracer.class)
    @ConditionalOnBooleanProperty(name = "postroom.observations.enabled", matchIfMissing = true)
    static class Traces {
        /** Before Spring Boot's own handlers, of which the first that fits starts the span. */
        @Bean
        @Order(Ordered.HIGHEST_PRECEDENCE)
        @ConditionalOnBean({Tracer.class, Propagator.class})
        @ConditionalOnMissingBean
        BatchTracing postroomBatchTracing(Tracer tracer, Propagator propagator) {
            return new BatchTracing(tracer, propagator);
        }

        @Bean
        @Order(Ordered.HIGHEST_PRECEDENCE)
        @ConditionalOnBean(Tracer.class)
        @ConditionalOnMissingBean
        BulkTracing postroomBulkTracing(Tracer tracer) {
            return new BulkTracing(tracer);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(ObservationRegistry.class)
    @ConditionalOnBooleanProperty(name = "postroom.observations.enabled", matchIfMissing = true)
    static class Observations {
        /** Outside of the log fields, so that a line has the trace, too. */
        @Bean
        @Order(Ordered.HIGHEST_PRECEDENCE + 10)
        @ConditionalOnSingleCandidate(ObservationRegistry.class)
        @ConditionalOnMissingBean
        MessageObservations postroomObservations(
                ObservationRegistry registry,
                ObjectProvider<SendConvention> send,
                ObjectProvider<BulkConvention> bulk,
                ObjectProvider<ProcessConvention> process) {
            return new MessageObservations(
                    registry, send.getIfAvailable(), bulk.getIfAvailable(), process.getIfAvailable());
        }
    }
}
