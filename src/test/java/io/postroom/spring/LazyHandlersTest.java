package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.SendMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.aop.framework.ProxyFactoryBean;
import org.springframework.beans.factory.FactoryBean;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.type.AnnotationMetadata;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** Handlers in classes that no definition of a bean names. They are found whatever way the bean is made. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
class LazyHandlersTest {
    private static final Queue<String> HANDLED = new ConcurrentLinkedQueue<>();
    private static final Queue<String> MADE = new ConcurrentLinkedQueue<>();

    private final TestDatabase database;

    LazyHandlersTest(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void forget() {
        HANDLED.clear();
        MADE.clear();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void handlers_are_found_whatever_way_the_bean_is_made(boolean lazy, CapturedOutput output) {
        try (Host.Running host = Host.on(database)
                .with(Beans.class, ByFactoryClassFactory.class, Component.class)
                .with("postroom.workers.enabled", false)
                .with("spring.main.lazy-initialization", lazy)
                .with("spring.aop.proxy-target-class", false)
                .start()) {
            String[] ways = {
                "by-method",
                "by-static-method",
                "by-runnable-method",
                "by-factory-class",
                "by-factory-method",
                "by-supplier",
                "by-proxy-factory",
                "by-concrete-method",
                "by-handler-method",
                "transactional true"
            };
            Arrays.stream(ways)
                    .forEach(way -> host.queueMessages().createMessage("made." + way.replace(" true", ""), "x"));

            host.kit().drain();

            assertThat(HANDLED).containsExactlyInAnyOrder(ways);
            assertThat(MADE).as("what cannot hide a handler stays lazy").isEmpty();
            assertThat(output).contains("bean \"broken\"").contains("the remote system is away");
        }
    }

    interface Notifier {}

    static class ByMethod implements Notifier {
        @SendMessage("made.by-method")
        public void send(String text) {
            HANDLED.add("by-method");
        }
    }

    static class ByStaticMethod implements Notifier {
        @SendMessage("made.by-static-method")
        public void send(String text) {
            HANDLED.add("by-static-method");
        }
    }

    static class ByRunnableMethod implements Runnable {
        @SendMessage("made.by-runnable-method")
        public void send(String text) {
            HANDLED.add("by-runnable-method");
        }

        @Override
        public void run() {}
    }

    static class ByFactoryClass implements Notifier {
        @SendMessage("made.by-factory-class")
        public void send(String text) {
            HANDLED.add("by-factory-class");
        }
    }

    static class ByFactoryMethod implements Notifier {
        @SendMessage("made.by-factory-method")
        public void send(String text) {
            HANDLED.add("by-factory-method");
        }
    }

    static class BySupplier implements Notifier {
        @SendMessage("made.by-supplier")
        public void send(String text) {
            HANDLED.add("by-supplier");
        }
    }

    static class ByProxyFactory implements Sending {
        @SendMessage("made.by-proxy-factory")
        public void send(String text) {
            HANDLED.add("by-proxy-factory");
        }
    }

    static class ByConcreteMethod extends Concrete {
        @SendMessage("made.by-concrete-method")
        public void send(String text) {
            HANDLED.add("by-concrete-method");
        }
    }

    static class Concrete {}

    interface Sending {
        void send(String text);
    }

    static class WithTransaction implements Sending {
        @Override
        @Transactional
        @SendMessage("made.transactional")
        public void send(String text) {
            HANDLED.add("transactional " + TransactionSynchronizationManager.isActualTransactionActive());
        }
    }

    static class ByFactoryClassFactory implements FactoryBean<Notifier> {
        @Override
        public Notifier getObject() {
            return new ByFactoryClass();
        }

        @Override
        public Class<?> getObjectType() {
            return Notifier.class;
        }
    }

    /** Its class is known for certain, and it has no handler. */
    @Lazy
    static class Component {
        Component() {
            MADE.add("component");
        }
    }

    record Settings(String text) {
        Settings {
            MADE.add("settings");
        }
    }

    static class Supplied implements ImportBeanDefinitionRegistrar {
        @Override
        public void registerBeanDefinitions(AnnotationMetadata importing, BeanDefinitionRegistry registry) {
            RootBeanDefinition definition = new RootBeanDefinition(Notifier.class, BySupplier::new);
            definition.setLazyInit(true);
            registry.registerBeanDefinition("supplied", definition);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @Import(Supplied.class)
    static class Beans {
        @Bean
        @Lazy
        Notifier byMethod() {
            return new ByMethod();
        }

        @Bean
        @Lazy
        static Notifier byStaticMethod() {
            return new ByStaticMethod();
        }

        @Bean
        @Lazy
        Runnable byRunnableMethod() {
            return new ByRunnableMethod();
        }

        @Bean
        @Lazy
        Concrete byConcreteMethod() {
            return new ByConcreteMethod();
        }

        @Bean
        FactoryBean<Notifier> byFactoryMethod() {
            return new FactoryBean<>() {
                @Override
                public Notifier getObject() {
                    return new ByFactoryMethod();
                }

                @Override
                public Class<?> getObjectType() {
                    return Notifier.class;
                }
            };
        }

        @Bean
        ProxyFactoryBean byProxyFactory() {
            ProxyFactoryBean proxies = new ProxyFactoryBean();
            proxies.setTarget(new ByProxyFactory());
            proxies.setInterfaces(Sending.class);
            return proxies;
        }

        @Bean
        @Lazy
        Object byHandlerMethod() {
            return Handler.send("made.by-handler-method", String.class, (text, context) -> {
                HANDLED.add("by-handler-method");
                return Outcome.done();
            });
        }

        @Bean
        @Lazy
        Sending transactional() {
            return new WithTransaction();
        }

        @Bean
        @Lazy
        Settings settings() {
            return new Settings("x");
        }

        @Bean
        @Lazy
        Notifier broken() {
            throw new IllegalStateException("the remote system is away");
        }
    }
}
