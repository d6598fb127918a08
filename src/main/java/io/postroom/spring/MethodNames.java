package io.postroom.spring;

import io.postroom.handler.MessageContext;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.springframework.core.ResolvableType;

/**
 * Names the handler methods of one class, each differently. A method whose name no other handler has keeps it. Overloads get the class of
 * their payload behind it ({@code on.OrderPaid}), as long as that tells them apart; else the classes of all parameters, with their packages
 * if need be.
 */
final class MethodNames {
    private static final List<BiFunction<Method, Class<?>, String>> FROM_SHORT_TO_LONG = List.of(
            (method, owner) -> method.getName(),
            (method, owner) -> named(method, payloads(method, owner), Class::getSimpleName),
            (method, owner) -> named(method, parameters(method, owner), Class::getSimpleName),
            (method, owner) -> named(method, parameters(method, owner), Class::getTypeName));

    private final Map<Method, String> names = new HashMap<>();

    /** @param owner the class of the bean, by which type variables are resolved */
    MethodNames(Collection<Method> methods, Class<?> owner) {
        methods.stream()
                .collect(Collectors.groupingBy(Method::getName))
                .values()
                .forEach(same -> nameAll(same, owner));
    }

    String of(Method method) {
        return names.getOrDefault(method, method.getName());
    }

    private void nameAll(List<Method> overloads, Class<?> owner) {
        for (BiFunction<Method, Class<?>, String> naming : FROM_SHORT_TO_LONG) {
            overloads.forEach(method -> names.put(method, naming.apply(method, owner)));
            if (overloads.stream().map(names::get).distinct().count() == overloads.size()) {
                return;
            }
        }
    }

    private static String named(Method method, Stream<ResolvableType> types, Function<Class<?>, String> naming) {
        return types.flatMap(MethodNames::withGenerics)
                .map(naming)
                .map(name -> name.replace("[]", "s"))
                .collect(Collectors.joining(".", method.getName() + ".", ""));
    }

    private static Stream<ResolvableType> parameters(Method method, Class<?> owner) {
        return IntStream.range(0, method.getParameterCount())
                .mapToObj(i -> ResolvableType.forMethodParameter(method, i, owner));
    }

    private static Stream<ResolvableType> payloads(Method method, Class<?> owner) {
        return parameters(method, owner)
                .map(type -> type.resolve() == List.class ? type.getGeneric() : type)
                .filter(type -> type.resolve() != MessageContext.class);
    }

    private static Stream<Class<?>> withGenerics(ResolvableType type) {
        return Stream.concat(
                Stream.of(type.resolve(Object.class)),
                Arrays.stream(type.getGenerics()).flatMap(MethodNames::withGenerics));
    }
}
