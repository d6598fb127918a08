package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.NoUniqueBeanDefinitionException;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.core.Ordered;
import org.springframework.core.env.Environment;

/** Says in plain words why an application with Postroom did not start. */
final class PostroomFailureAnalyzer implements FailureAnalyzer, Ordered {
    private static final Set<Class<?>> PUBLISHED = Set.of(Postroom.class, QueueMessages.class, Queues.class);

    private final Environment environment;

    PostroomFailureAnalyzer(Environment environment) {
        this.environment = environment;
    }

    @Override
    public @Nullable FailureAnalysis analyze(Throwable failure) {
        for (Throwable cause = failure; cause != null && cause != cause.getCause(); cause = cause.getCause()) {
            if (cause instanceof StartProblem problem) {
                return new FailureAnalysis(problem.description(), problem.action(), cause);
            } else if (cause instanceof PostroomException refused) {
                return analyze(refused);
            } else if (cause instanceof NoSuchBeanDefinitionException missing
                    && !(cause instanceof NoUniqueBeanDefinitionException)
                    && missing.getBeanType() != null
                    && PUBLISHED.contains(missing.getBeanType())) {
                return analyze(missing);
            }
        }
        return null;
    }

    /** The exception's sentences say first what is wrong, and last what to do. */
    private static FailureAnalysis analyze(PostroomException refused) {
        String message = String.valueOf(refused.getMessage());
        return new FailureAnalysis(
                "Postroom could not be started: " + message,
                "Follow the advice above, or set postroom.enabled=false to start without Postroom",
                refused);
    }

    private FailureAnalysis analyze(NoSuchBeanDefinitionException missing) {
        String type = String.valueOf(missing.getResolvableType());
        if (!environment.getProperty("postroom.enabled", Boolean.class, true)) {
            return new FailureAnalysis(
                    "A bean of type " + type + " is needed, and Postroom is switched off by postroom.enabled=false",
                    "Remove postroom.enabled=false, or make the bean that needs it optional",
                    missing);
        }
        return new FailureAnalysis(
                "A bean of type " + type
                        + " is needed, and Postroom was not set up because the application has no DataSource",
                "Set spring.datasource.url, username and password, or define a DataSource bean. "
                        + "In a test of a slice, import what the slice leaves "
                        + "out (@ImportAutoConfiguration) or replace the bean (@MockitoBean)",
                missing);
    }

    @Override
    public int getOrder() {
        return HIGHEST_PRECEDENCE;
    }
}
