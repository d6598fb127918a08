package io.postroom.spring;

import java.lang.reflect.Modifier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.aop.framework.autoproxy.AutoProxyUtils;
import org.springframework.aop.scope.ScopedObject;
import org.springframework.aop.scope.ScopedProxyUtils;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.BeansException;
import org.springframework.beans.factory.FactoryBean;
import org.springframework.beans.factory.annotation.AnnotatedBeanDefinition;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.core.type.MethodMetadata;

/**
 * Finds the class of a bean that may have handlers: the class of the object itself, behind its proxy.
 *
 * <p>An object that exists is asked. For one that does not exist yet, its definition may be enough. The definition of a component or of a
 * registered class names the class; a final class has no other below it. In three cases the definition names only a type that the object
 * has, and the object is made now:
 *
 * <ul>
 *   <li>a lazy {@code @Bean} method, whose body may return any class below its return type
 *   <li>a lazy bean made by a supplier, likewise
 *   <li>the product of a {@link FactoryBean}, lazy or not, since {@link FactoryBean#getObjectType} may be an interface. Spring makes the
 *       factory at the start, and the product only when somebody asks for it
 * </ul>
 *
 * <p>What it costs: with {@code spring.main.lazy-initialization}, such beans of the application are made at the start, and with them the
 * beans they need. Components stay lazy, as do {@code @Bean} methods with a final return type and beans that Spring's own classes define. A
 * bean that cannot be made is skipped with a warning, because it may have no handler. With a handler on its declared type it stops the
 * start.
 *
 * <p>An object of another scope is never made. Its handlers are those of its declared type, which is all that a scoped proxy can pass on.
 */
final class BeanClasses {
    private static final Logger log = LoggerFactory.getLogger(BeanClasses.class);

    private final ConfigurableListableBeanFactory beans;

    BeanClasses(ConfigurableListableBeanFactory beans) {
        this.beans = beans;
    }

    /** Gives the class to search; null when nothing about the bean's class is known. */
    @Nullable
    Class<?> of(String name) {
        Class<?> declared = AutoProxyUtils.determineTargetClass(beans, name);
        if (declared != null && ScopedObject.class.isAssignableFrom(declared)) {
            Class<?> scoped = AutoProxyUtils.determineTargetClass(beans, ScopedProxyUtils.getTargetBeanName(name));
            return scoped == null ? declared : scoped;
        }
        Object object = object(name, declared);
        if (object == null) {
            return declared;
        }
        return AopUtils.isAopProxy(object) ? AopProxyUtils.ultimateTargetClass(object) : classOf(object, declared);
    }

    /** Whether the class belongs to Spring or the JDK. Such beans have no handlers, and a search through all of them would be slow. */
    static boolean isInfrastructure(Class<?> type) {
        return isInfrastructure(type.getName());
    }

    private static boolean isInfrastructure(String className) {
        return className.startsWith("org.springframework.") || className.startsWith("java.");
    }

    /** Prefers what Spring found out about a proxy of its own to the class of the object. */
    private static Class<?> classOf(Object object, @Nullable Class<?> declared) {
        return declared != null && !declared.isInstance(object) ? declared : object.getClass();
    }

    private @Nullable Object object(String name, @Nullable Class<?> declared) {
        if (beans.isFactoryBean(name)) {
            return isMadeBySpring(name) ? null : made(name);
        }
        Object existing = beans.getSingleton(name);
        if (existing != null || !beans.containsBeanDefinition(name)) {
            return existing;
        }
        return mayBeOfAnotherClass(name, declared) && !isMadeBySpring(name) ? made(name) : null;
    }

    private boolean mayBeOfAnotherClass(String name, @Nullable Class<?> declared) {
        BeanDefinition definition = beans.getMergedBeanDefinition(name);
        return (declared == null || !Modifier.isFinal(declared.getModifiers()))
                && (definition.getFactoryMethodName() != null
                        || definition instanceof AbstractBeanDefinition some && some.getInstanceSupplier() != null);
    }

    private @Nullable Object made(String name) {
        try {
            return beans.isSingleton(name) ? beans.getBean(name) : null;
        } catch (BeansException failed) {
            log.warn(
                    "bean \"{}\" was not searched for handlers, because it could not be made: {}",
                    name,
                    failed.getMostSpecificCause().toString());
            return null;
        }
    }

    /** Whether code of Spring's own makes the bean: a repository, a client, an auto-configured bean. */
    private boolean isMadeBySpring(String name) {
        if (!beans.containsBeanDefinition(name)) {
            Object factory = beans.getSingleton(name);
            return factory == null || isInfrastructure(factory.getClass());
        }
        BeanDefinition definition = beans.getMergedBeanDefinition(name);
        return definition.getRole() == BeanDefinition.ROLE_INFRASTRUCTURE || isInfrastructure(maker(name, definition));
    }

    /** The name of the class with the bean's method, of the factory, or of the bean itself; empty: unknown. */
    private String maker(String name, BeanDefinition definition) {
        if (beans.getBeanDefinition(name) instanceof AnnotatedBeanDefinition annotated) {
            MethodMetadata method = annotated.getFactoryMethodMetadata();
            if (method != null) {
                return method.getDeclaringClassName();
            }
        }
        String factory = definition.getFactoryBeanName();
        Class<?> type = factory == null ? null : beans.getType(factory);
        String className = type == null ? definition.getBeanClassName() : type.getName();
        return className == null ? "" : className;
    }
}
