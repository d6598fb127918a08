package io.postroom.testing;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** Leaves a test out while {@code postroom.test.pooler} puts a PgBouncer in front of all tests. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@ExtendWith(NotThroughPooler.Condition.class)
public @interface NotThroughPooler {
    /** Why it cannot hold there. */
    String value();

    /** What decides. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return !TestServer.isPooled()
                    ? ConditionEvaluationResult.enabled("no pooler")
                    : AnnotationSupport.findAnnotation(context.getElement(), NotThroughPooler.class)
                            .map(why -> ConditionEvaluationResult.disabled(why.value()))
                            .orElseGet(() -> ConditionEvaluationResult.enabled("not said"));
        }
    }
}
