package io.postroom.rest;

import io.postroom.api.Definitions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.web.servlet.handler.MappedInterceptor;

/** One budget for the bodies of all requests, shared by the HTTP API and the webhooks. */
@Configuration(proxyBeanMethods = false)
class BodyBudgetConfiguration {
    /** Bytes, for tests; what fits the heap is right for everybody else. */
    static final String BODY_MEMORY = "postroom.rest.internal.body-memory";

    @Bean
    BodyBudget postroomBodyBudget(Environment environment) {
        return BodyBudget.of(environment.getProperty(BODY_MEMORY, Long.class, 0L), Definitions.LONGEST_FILE);
    }

    @Bean
    MappedInterceptor postroomApiBodies(BodyBudget budget) {
        return new MappedInterceptor(new String[] {"/api/v1/**"}, budget);
    }

    @Bean
    MappedInterceptor postroomWebhookBodies(BodyBudget budget) {
        return new MappedInterceptor(new String[] {"/in/*"}, budget.forStrangers());
    }
}
