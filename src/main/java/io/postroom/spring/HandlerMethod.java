package io.postroom.spring;

import static io.postroom.spring.InvalidHandlerException.require;

import io.postroom.api.MessageTypes;
import io.postroom.api.Outcome;
import io.postroom.handler.BatchHandler;
import io.postroom.handler.MessageContext;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.UndeclaredThrowableException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.support.AopUtils;
import org.springframework.core.BridgeMethodResolver;
import org.springframework.core.ResolvableType;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;
import tools.jackson.databind.JsonNode;

/**
 * Calls a bean's method as a handler's code. Its constructor finds out what each parameter is, and refuses what cannot be called.
 * Thread-safe.
 */
final class HandlerMethod implements BatchHandler<Object> {
    private static final String PAYLOADS =
            "a class with @MessageType or of your own, String, byte[], Map<String, Object> or JsonNode";

    private final Object bean;
    private final Method method;
    private final boolean takesList;
    private final int payloadIndex;
    private final int contextIndex;
    private final Class<?> payload;
    /** Whether what the method returns is the reply. */
    private final boolean replies;

    /** @param declared the method as found on {@code targetClass}; it is called on the bean, which may be a proxy */
    HandlerMethod(Object bean, Method declared, Class<?> targetClass) {
        this.bean = bean;
        method = callable(bean, declared, targetClass);
        List<ResolvableType> parameters = IntStream.range(0, declared.getParameterCount())
                .mapToObj(i -> ResolvableType.forMethodParameter(declared, i, targetClass))
                .toList();
        contextIndex = only("MessageContext", parameters, HandlerMethod::isContext);
        payloadIndex = only("payload", parameters, type -> !isContext(type));
        require(payloadIndex >= 0, "has no payload parameter", "Add one: " + PAYLOADS);
        takesList = isList(parameters.get(payloadIndex));
        payload = payloadClass(parameters.get(payloadIndex));
        require(
                contextIndex < 0 || isList(parameters.get(contextIndex)) == takesList,
                "takes a list of one and a single other",
                "Take List<" + payload.getSimpleName() + "> with List<MessageContext>, or both single");
        ResolvableType returned = ResolvableType.forMethodReturnType(declared, targetClass);
        replies = isReply(returned);
        if (!replies) {
            requireKnownReturn(returned);
        }
        SameThread.require(bean, targetClass, declared);
    }

    /** The index of the only parameter of this kind; -1 without one. */
    private static int only(String what, List<ResolvableType> parameters, Predicate<ResolvableType> isSuch) {
        int[] places = IntStream.range(0, parameters.size())
                .filter(i -> isSuch.test(parameters.get(i)))
                .toArray();
        require(
                places.length <= 1,
                "has " + places.length + " " + what + " parameters",
                "Take one payload and, if needed, a MessageContext");
        return places.length == 0 ? -1 : places[0];
    }

    Class<?> payload() {
        return payload;
    }

    /** Whether one call can take several messages. */
    boolean takesList() {
        return takesList;
    }

    @Override
    public List<Outcome> handle(List<Object> payloads, List<MessageContext> contexts) throws Exception {
        Object[] arguments = new Object[method.getParameterCount()];
        arguments[payloadIndex] = takesList ? payloads : payloads.get(0);
        if (contextIndex >= 0) {
            arguments[contextIndex] = takesList ? contexts : contexts.get(0);
        }
        Object answer = invoke(arguments);
        if (method.getReturnType() == void.class) {
            return List.of(Outcome.done());
        } else if (replies) {
            contexts.get(0).reply(answer);
            return List.of(Outcome.done());
        } else if (answer instanceof List<?> list) {
            @SuppressWarnings("unchecked") // the return type was checked
            List<Outcome> outcomes = (List<Outcome>) list;
            return outcomes;
        }
        return java.util.Collections.singletonList((Outcome) answer);
    }

    private @Nullable Object invoke(Object[] arguments) throws Exception {
        try {
            return method.invoke(bean, arguments);
        } catch (InvocationTargetException thrown) {
            Throwable cause = thrown.getCause();
            if (cause instanceof Exception exception) {
                throw exception;
            } else if (cause instanceof Error error) {
                throw error;
            }
            throw new UndeclaredThrowableException(cause);
        }
    }

    /** The method to call on the bean. For a JDK proxy, it is the interface's method. */
    private static Method callable(Object bean, Method declared, Class<?> targetClass) {
        int modifiers = declared.getModifiers();
        require(
                !Modifier.isPrivate(modifiers),
                "is private",
                "Make it public: a proxy around the bean could not pass it on");
        require(
                !AopUtils.isCglibProxy(bean) || !Modifier.isFinal(modifiers),
                "is final, and the bean is a proxy, which could not pass it on",
                "Remove final");
        Method method;
        try {
            method = AopUtils.selectInvocableMethod(declared, bean.getClass());
        } catch (IllegalStateException notInInterface) {
            method = bridgedIn(ClassUtils.getAllInterfacesForClass(bean.getClass()), declared, targetClass)
                    .orElseThrow(() -> new InvalidHandlerException(
                            "cannot be called through the proxy around the bean, which has the methods of its interfaces only",
                            "Declare it in an interface of the bean, or have the class proxied (spring.aop.proxy-target-class=true)",
                            notInInterface));
        }
        ReflectionUtils.makeAccessible(method);
        return method;
    }

    /** The method of a generic interface that the declared one implements with other parameter types, such as Object for Order. */
    private static Optional<Method> bridgedIn(Class<?>[] interfaces, Method declared, Class<?> targetClass) {
        return Arrays.stream(interfaces)
                .filter(one -> one.isAssignableFrom(targetClass))
                .flatMap(one -> Arrays.stream(one.getMethods()))
                .filter(method -> method.getName().equals(declared.getName())
                        && method.getParameterCount() == declared.getParameterCount())
                .filter(method -> BridgeMethodResolver.getMostSpecificMethod(method, targetClass)
                        .equals(declared))
                .findFirst();
    }

    private static boolean isList(ResolvableType type) {
        return type.resolve() == List.class;
    }

    private static ResolvableType elementOf(ResolvableType type) {
        return isList(type) ? type.getGeneric(0) : type;
    }

    private static boolean isContext(ResolvableType type) {
        return elementOf(type).resolve() == MessageContext.class;
    }

    private static Class<?> payloadClass(ResolvableType type) {
        ResolvableType element = elementOf(type);
        Class<?> found = element.resolve();
        if (found == null) {
            throw new InvalidHandlerException(
                    "takes " + type + ", which does not say what is in it", "Name the class, as in List<Order>");
        }
        require(isReadable(found), "takes " + element + ", which no payload can be read as", "Take " + PAYLOADS);
        require(
                found == Map.class || !element.hasGenerics(),
                "takes the generic class " + element + ", and what is in it would be lost in reading",
                "Take a class without type parameters");
        return found;
    }

    private static boolean isReadable(Class<?> type) {
        if (type == String.class
                || type == byte[].class
                || type == Map.class
                || JsonNode.class.isAssignableFrom(type)
                || MessageTypes.of(type).isPresent()) {
            return true;
        }
        String name = type.getName();
        return !type.isPrimitive()
                && !type.isArray()
                && !type.isInterface()
                && !name.startsWith("java.")
                && !name.startsWith("javax.")
                && !name.startsWith("jakarta.")
                && !name.startsWith("org.springframework.")
                && !name.startsWith("kotlin.");
    }

    /** Whether a method returns what could be a payload: then it is the reply to its message. */
    private boolean isReply(ResolvableType type) {
        Class<?> returned = type.resolve(Object.class);
        return !takesList && !Outcome.class.isAssignableFrom(returned) && isReadable(returned) && !isLater(returned);
    }

    /** Whether a value of the class stands for one that comes later. */
    private static boolean isLater(Class<?> type) {
        return Future.class.isAssignableFrom(type)
                || CompletionStage.class.isAssignableFrom(type)
                || type.getName().startsWith("reactor.")
                || type.getName().startsWith("io.reactivex.");
    }

    private void requireKnownReturn(ResolvableType type) {
        Class<?> returned = type.resolve(Object.class);
        boolean known = returned == void.class
                || Outcome.class.isAssignableFrom(returned)
                || takesList
                        && returned == List.class
                        && Outcome.class.isAssignableFrom(type.getGeneric(0).resolve(Object.class));
        require(
                known,
                "returns " + type,
                "Return nothing (the message is done), Outcome, the reply (" + PAYLOADS
                        + "), or, with a List of payloads, List<Outcome>");
    }
}
