package io.postroom.spring;

import static io.postroom.spring.InvalidHandlerException.require;

import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Schedule;
import io.postroom.handler.BatchHandler;
import io.postroom.handler.Handler;
import io.postroom.handler.OnSchedule;
import io.postroom.handler.ProcessingMessage;
import io.postroom.handler.ProcessingMessageHandler;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.scope.ScopedProxyUtils;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.annotation.MergedAnnotations;
import org.springframework.core.annotation.MergedAnnotations.SearchStrategy;

/**
 * Finds the handlers among the beans: methods with {@link SendMessage} or {@link ProcessingMessage}, classes with one of them that
 * implement the interface of the same direction, and {@link Handler} beans. Runs once, when all singletons are ready.
 *
 * <ol>
 *   <li>The class behind a proxy is searched ({@link BeanClasses} finds it); the bean itself, proxy and all, is called, so that {@code
 *       @Transactional} and other advice work.
 *   <li>A handler's bean must be a singleton or a scoped proxy, which is one. With several instances, the one to call would be unknown. A
 *       lazy bean is made now.
 *   <li>A handler's id is {@code bean.method}. Methods with the same name have their payload's class in it, too ({@link MethodNames}).
 *   <li>Each mistake stops the start. The exception names the bean, the method, and what to write instead.
 * </ol>
 */
final class BeanHandlers {
    private final ConfigurableListableBeanFactory beans;
    private final HandlerSettings settings;
    private final List<Handler> found = new ArrayList<>();
    private final HandlerSchedules schedules;

    BeanHandlers(ConfigurableListableBeanFactory beans, HandlerSettings settings) {
        this.beans = beans;
        this.settings = settings;
        this.schedules = new HandlerSchedules(settings);
    }

    List<Handler> find() {
        BeanClasses classes = new BeanClasses(beans);
        for (String found : beans.getBeanNamesForType(Object.class)) {
            String name =
                    BeanFactoryUtils.transformedBeanName(found); // "&name": a factory that does not say what it makes
            if (!ScopedProxyUtils.isScopedTarget(name)) {
                Class<?> type = classes.of(name);
                if (type != null && !BeanClasses.isInfrastructure(type)) {
                    search(name, type);
                }
            }
        }
        settings.warnOfUnused();
        return found;
    }

    /** The schedules of the handlers that were found. */
    List<Schedule> schedules() {
        return schedules.found();
    }

    private void search(String name, Class<?> type) {
        if (Handler.class.isAssignableFrom(type)) {
            explained(name, null, () -> addBean(beans.getBean(name, Handler.class)));
            return;
        }
        searchClass(name, type, SendMessage.class, SendMessageHandler.class, Direction.OUTGOING);
        searchClass(name, type, ProcessingMessage.class, ProcessingMessageHandler.class, Direction.INCOMING);
        Map<Method, MergedAnnotation<?>> sending = methodsWith(SendMessage.class, type);
        Map<Method, MergedAnnotation<?>> processing = methodsWith(ProcessingMessage.class, type);
        Set<Method> all = new LinkedHashSet<>(sending.keySet());
        all.addAll(processing.keySet());
        MethodNames names = new MethodNames(all, type);
        requireHandlers(name, type, all);
        sending.forEach((method, present) ->
                explained(name, method, () -> addMethod(name, type, method, names, present, Direction.OUTGOING)));
        processing.forEach((method, present) ->
                explained(name, method, () -> addMethod(name, type, method, names, present, Direction.INCOMING)));
    }

    /** A schedule whose handler's annotation was forgotten would silently do nothing. */
    private void requireHandlers(String name, Class<?> type, Set<Method> handlers) {
        methodsWith(OnSchedule.class, type)
                .keySet()
                .forEach(method -> explained(name, method, () -> requireHandler(handlers.contains(method))));
        if (onSchedule(MergedAnnotations.from(type, SearchStrategy.TYPE_HIERARCHY))
                .isPresent()) {
            MergedAnnotations present = MergedAnnotations.from(type, SearchStrategy.TYPE_HIERARCHY);
            explained(
                    name,
                    null,
                    () -> requireHandler(
                            present.isPresent(SendMessage.class) || present.isPresent(ProcessingMessage.class)));
        }
    }

    private static void requireHandler(boolean isHandler) {
        require(
                isHandler,
                "has @OnSchedule and takes no messages",
                "Add @SendMessage or @ProcessingMessage, which names the queue of its messages");
    }

    private static MergedAnnotation<OnSchedule> onSchedule(MergedAnnotations present) {
        return present.get(OnSchedule.class);
    }

    private void addBean(Handler handler) {
        HandlerProperties properties = settings.properties(handler.id());
        if (!properties.isDisabled()) {
            found.add(settings.apply(properties, handler));
        }
    }

    // ---- classes

    private void searchClass(
            String name,
            Class<?> type,
            Class<? extends Annotation> annotation,
            Class<?> contract,
            Direction direction) {
        MergedAnnotation<?> present =
                MergedAnnotations.from(type, SearchStrategy.TYPE_HIERARCHY).get(annotation);
        if (present.isPresent()) {
            explained(name, null, () -> addClass(name, type, present, contract, direction));
        }
    }

    private void addClass(
            String name, Class<?> type, MergedAnnotation<?> annotation, Class<?> contract, Direction direction) {
        require(
                contract.isAssignableFrom(type),
                "has @" + annotation.getType().getSimpleName() + " but does not implement " + contract.getSimpleName(),
                "Implement it, or put the annotation on a method");
        Class<?> payload = ResolvableType.forClass(contract, type).getGeneric(0).resolve();
        if (payload == null || payload == Object.class) {
            throw new InvalidHandlerException(
                    "does not say which payload it takes",
                    "Name the class, as in " + contract.getSimpleName() + "<Order>");
        }
        Object bean = bean(name);
        requireSameThread(bean, type, contract);
        BatchHandler<Object> code = codeOf(bean, direction);
        MergedAnnotation<OnSchedule> schedule = onSchedule(MergedAnnotations.from(type, SearchStrategy.TYPE_HIERARCHY));
        add(name, annotation, schedule, direction, payload, code, false);
    }

    private static void requireSameThread(Object bean, Class<?> type, Class<?> contract) {
        for (Method declared : contract.getMethods()) {
            SameThread.require(bean, type, AopUtils.getMostSpecificMethod(declared, type));
        }
    }

    @SuppressWarnings("unchecked") // the payload is read as the class named by the bean's own type
    private static BatchHandler<Object> codeOf(Object bean, Direction direction) {
        if (direction == Direction.OUTGOING) {
            SendMessageHandler<Object> handler = (SendMessageHandler<Object>) bean;
            return (payloads, contexts) -> Collections.singletonList(handler.send(payloads.get(0), contexts.get(0)));
        }
        ProcessingMessageHandler<Object> handler = (ProcessingMessageHandler<Object>) bean;
        return (payloads, contexts) -> Collections.singletonList(handler.process(payloads.get(0), contexts.get(0)));
    }

    // ---- methods

    private static Map<Method, MergedAnnotation<?>> methodsWith(Class<? extends Annotation> annotation, Class<?> type) {
        return MethodIntrospector.selectMethods(type, (MethodIntrospector.MetadataLookup<MergedAnnotation<?>>)
                method -> {
                    MergedAnnotation<?> present = MergedAnnotations.from(method, SearchStrategy.TYPE_HIERARCHY)
                            .get(annotation);
                    return present.isPresent() ? present : null;
                });
    }

    private void addMethod(
            String name,
            Class<?> type,
            Method method,
            MethodNames names,
            MergedAnnotation<?> annotation,
            Direction direction) {
        require(
                !AnnotatedElementUtils.hasAnnotation(method, Bean.class),
                "makes a bean and is no handler itself",
                "Return a Handler, as in Handler.send(queue, Order.class, ...), without the annotation");
        HandlerMethod code = new HandlerMethod(bean(name), method, type);
        MergedAnnotation<OnSchedule> schedule =
                onSchedule(MergedAnnotations.from(method, SearchStrategy.TYPE_HIERARCHY));
        add(name + "." + names.of(method), annotation, schedule, direction, code.payload(), code, code.takesList());
    }

    // ---- both

    private void add(
            String defaultId,
            MergedAnnotation<?> annotation,
            MergedAnnotation<OnSchedule> schedule,
            Direction direction,
            Class<?> payload,
            BatchHandler<Object> code,
            boolean takesList) {
        String given = settings.text(annotation, "id");
        String id = given.isEmpty() ? fitForAName(defaultId) : given;
        HandlerProperties properties = settings.properties(id);
        if (properties.isDisabled()) {
            return;
        }
        int batch = settings.batch(annotation, properties);
        require(
                batch <= 1 || takesList,
                "takes one message at a time and is set to batch = " + batch,
                "Take a List<" + payload.getSimpleName() + "> in an annotated method, or leave batch out");
        Handler handler = batchOf(settings.text(annotation, "value"), direction, payload, batch, code)
                .id(id);
        found.add(settings.apply(annotation, properties, handler));
        schedules.add(schedule, handler, payload);
    }

    @SuppressWarnings("unchecked") // the code was checked to take this class
    private static Handler batchOf(
            String queue, Direction direction, Class<?> payload, int batch, BatchHandler<Object> code) {
        return Handler.batch(queue, direction, (Class<Object>) payload, batch, code);
    }

    private Object bean(String name) {
        require(
                beans.isSingleton(name),
                "is in a bean that is not a singleton, so there is no telling which instance to call",
                "Make the bean a singleton");
        return beans.getBean(name);
    }

    private static void explained(String bean, @Nullable Method method, Runnable step) {
        try {
            step.run();
        } catch (InvalidHandlerException mistake) {
            throw new StartProblem(where(bean, method) + " " + mistake.getMessage(), mistake.action(), mistake);
        } catch (IllegalArgumentException | InvalidMessageException refused) {
            throw new StartProblem(
                    where(bean, method) + " is refused: " + refused.getMessage(),
                    "Correct its annotation or its postroom.handlers properties",
                    refused);
        }
    }

    private static String where(String bean, @Nullable Method method) {
        return method == null
                ? "Handler bean \"" + bean + "\""
                : "Handler method " + method.getDeclaringClass().getSimpleName() + "." + method.getName()
                        + " of bean \"" + bean + "\"";
    }

    /**
     * Makes a handler's id of a bean's name, which may hold any character ({@code Outer$Inner}, a package). Keeps the end, where names
     * differ.
     */
    private static String fitForAName(String beanAndMethod) {
        String plain = beanAndMethod.replaceAll("[^A-Za-z0-9._:-]", ".");
        String end = plain.substring(Math.max(0, plain.length() - Limits.NAME_LENGTH));
        return end.replaceFirst("^[^A-Za-z0-9]+", "");
    }
}
