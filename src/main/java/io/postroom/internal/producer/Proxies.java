package io.postroom.internal.producer;

import io.postroom.api.InvalidMessageException;
import java.lang.reflect.Proxy;

/**
 * Refuses payloads that stand for another object: what would be stored is the inside of the proxy, in a shape that its library may change.
 * Goes by names, because none of these libraries need be there.
 */
final class Proxies {
    private static final ClassValue<Boolean> ARE_PROXIES = new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
            // Generated names: Spring and CGLIB have $$ in theirs, lambdas, too. Hibernate's are found by their
            // interface.
            return Proxy.isProxyClass(type)
                    || type.isHidden()
                    || type.getName().contains("$$")
                    || has(type, "org.hibernate.proxy.HibernateProxy")
                    || has(type, "org.springframework.aop.SpringProxy");
        }
    };

    private Proxies() {}

    /** @throws InvalidMessageException the payload is a proxy, or a lambda */
    static void refuse(Object payload) {
        if (ARE_PROXIES.get(payload.getClass())) {
            throw new InvalidMessageException(
                    "payload",
                    "an object of your own class",
                    "a proxy: " + payload.getClass().getName(),
                    "Copy what the message needs into a record, or unwrap the object (for an entity, Hibernate.unproxy)");
        }
    }

    private static boolean has(Class<?> type, String contract) {
        for (Class<?> one = type; one != null; one = one.getSuperclass()) {
            for (Class<?> implemented : one.getInterfaces()) {
                if (implemented.getName().equals(contract)) {
                    return true;
                }
            }
        }
        return false;
    }
}
