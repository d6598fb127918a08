package io.postroom.spring;

import java.lang.reflect.Method;
import java.util.List;
import org.springframework.aop.framework.Advised;
import org.springframework.aop.framework.DefaultAdvisorChainFactory;
import org.springframework.aop.interceptor.AsyncExecutionInterceptor;
import org.springframework.core.annotation.MergedAnnotations;
import org.springframework.core.annotation.MergedAnnotations.SearchStrategy;
import org.springframework.scheduling.annotation.Async;

/**
 * Refuses handlers whose call returns before the work is done. Such a message would be DONE at once, its error would be lost, and a stop
 * would not wait for it.
 *
 * <p>Looks at the annotations, which weaving by AspectJ reads without a proxy, and at the advice of the proxy, which may have been added by
 * other means.
 */
final class SameThread {
    /** The annotations that Spring's {@code @EnableAsync} reads besides its own. */
    private static final List<String> OTHERS =
            List.of("jakarta.ejb.Asynchronous", "jakarta.enterprise.concurrent.Asynchronous");

    private SameThread() {}

    /**
     * @param bean the bean that is called, proxy and all
     * @param type the class behind the proxy
     * @param method the handler's method on that class
     * @throws InvalidHandlerException the call would happen on another thread
     */
    static void require(Object bean, Class<?> type, Method method) {
        InvalidHandlerException.require(
                !isAsync(MergedAnnotations.from(method, SearchStrategy.TYPE_HIERARCHY))
                        && !isAsync(MergedAnnotations.from(type, SearchStrategy.TYPE_HIERARCHY))
                        && !isAsync(MergedAnnotations.from(method.getDeclaringClass(), SearchStrategy.TYPE_HIERARCHY))
                        && !hasAsyncAdvice(bean, type, method),
                "is asynchronous: its call would return before the work is done, the message would be done at once, "
                        + "and its errors would be lost",
                "Remove @Async from the method and its class; concurrency sets how many messages are handled at a time");
    }

    private static boolean isAsync(MergedAnnotations annotations) {
        return annotations.isPresent(Async.class) || OTHERS.stream().anyMatch(annotations::isPresent);
    }

    private static boolean hasAsyncAdvice(Object bean, Class<?> type, Method method) {
        return bean instanceof Advised advised
                && new DefaultAdvisorChainFactory()
                        .getInterceptorsAndDynamicInterceptionAdvice(advised, method, type).stream()
                                .anyMatch(AsyncExecutionInterceptor.class::isInstance);
    }
}
