package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.handler.ProcessingMessage;
import io.postroom.handler.ProcessingMessageHandler;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.springframework.aop.framework.ProxyFactory;
import org.springframework.aop.interceptor.AsyncExecutionInterceptor;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Scope;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.mock.env.MockEnvironment;

/** Every mistake names the bean and the method, and says what to write instead. */
class HandlerMistakesTest {
    @MessageType("order")
    record Order(String number) {}

    record Envelope<T>(T content) {}

    static class TwoPayloads {
        @SendMessage("q")
        void send(Order order, String other) {}
    }

    @Test
    void two_payloads() {
        assertMistake(
                TwoPayloads.class,
                "method TwoPayloads.send of bean \"bean\" has 2 payload parameters",
                "Take one payload");
    }

    static class NoPayload {
        @SendMessage("q")
        void send(MessageContext context) {}
    }

    @Test
    void no_payload() {
        assertMistake(NoPayload.class, "has no payload parameter", "@MessageType");
    }

    static class UnknownParameter {
        @SendMessage("q")
        void send(Connection connection) {}
    }

    @Test
    void a_parameter_no_payload_can_be_read_as() {
        assertMistake(
                UnknownParameter.class, "takes java.sql.Connection, which no payload can be read as", "String, byte[]");
    }

    static class PrimitiveParameter {
        @SendMessage("q")
        void send(int number) {}
    }

    @Test
    void a_primitive_parameter() {
        assertMistake(PrimitiveParameter.class, "takes int", "byte[]");
    }

    static class GenericParameter {
        @SendMessage("q")
        void send(Envelope<Order> envelope) {}
    }

    @Test
    void a_generic_payload() {
        assertMistake(GenericParameter.class, "generic class", "without type parameters");
    }

    @SuppressWarnings("rawtypes")
    static class RawList {
        @SendMessage(value = "q", batch = 5)
        void send(List orders) {}
    }

    @Test
    void a_list_of_nobody_knows_what() {
        assertMistake(RawList.class, "does not say what is in it", "List<Order>");
    }

    static class BatchWithoutList {
        @SendMessage(value = "q", batch = 5)
        void send(Order order) {}
    }

    @Test
    void a_batch_without_a_list() {
        assertMistake(BatchWithoutList.class, "is set to batch = 5", "List<Order>");
    }

    static class HalfList {
        @SendMessage(value = "q", batch = 5)
        void send(List<Order> orders, MessageContext context) {}
    }

    @Test
    void a_list_of_payloads_with_a_single_context() {
        assertMistake(HalfList.class, "takes a list of one and a single other", "List<MessageContext>");
    }

    static class Asynchronous {
        @SendMessage("q")
        CompletableFuture<Outcome> send(Order order) {
            return CompletableFuture.completedFuture(Outcome.done());
        }
    }

    @Test
    void an_answer_nobody_understands() {
        assertMistake(Asynchronous.class, "returns java.util.concurrent.CompletableFuture", "Outcome");
    }

    static class Async {
        @SendMessage("q")
        @org.springframework.scheduling.annotation.Async
        public void send(Order order) {}
    }

    @Test
    void a_method_whose_call_happens_on_another_thread() {
        assertMistake(Async.class, "method Async.send of bean \"bean\" is asynchronous", "Remove @Async");
    }

    interface AsyncMailing {
        @org.springframework.scheduling.annotation.Async
        void send(Order order);
    }

    static class AsyncByInterface implements AsyncMailing {
        @Override
        @SendMessage("q")
        public void send(Order order) {}
    }

    @org.springframework.scheduling.annotation.Async
    static class AsyncClass {
        @SendMessage("q")
        public void send(Order order) {}
    }

    static class AsyncSubclass extends AsyncClass {}

    @SendMessage("q")
    static class AsyncHandler implements SendMessageHandler<Order> {
        @Override
        @org.springframework.scheduling.annotation.Async
        public Outcome send(Order order, MessageContext context) {
            return Outcome.done();
        }
    }

    @Test
    void a_class_or_an_interface_whose_calls_happen_on_another_thread() {
        for (Class<?> bean :
                List.of(AsyncByInterface.class, AsyncClass.class, AsyncSubclass.class, AsyncHandler.class)) {
            assertMistake(bean, "is asynchronous", "Remove @Async");
        }
    }

    static class Plain {
        @SendMessage("q")
        public void send(Order order) {}
    }

    @Test
    void an_advice_that_calls_on_another_thread() {
        ProxyFactory proxy = new ProxyFactory(new Plain());
        proxy.setProxyTargetClass(true);
        proxy.addAdvice(new AsyncExecutionInterceptor(new SimpleAsyncTaskExecutor()));
        assertMistake(
                context -> context.getBeanFactory().registerSingleton("bean", proxy.getProxy()),
                "is asynchronous",
                "concurrency");
    }

    static class ListAnswerForOne {
        @SendMessage("q")
        List<Outcome> send(Order order) {
            return List.of();
        }
    }

    @Test
    void a_list_of_outcomes_for_one_message() {
        assertMistake(ListAnswerForOne.class, "returns java.util.List", "with a List of payloads");
    }

    static class Private {
        @SendMessage("q")
        private void send(Order order) {}
    }

    @Test
    void a_private_method() {
        assertMistake(Private.class, "is private", "public");
    }

    static class FinalMethod {
        @SendMessage("q")
        public final void send(Order order) {}
    }

    @Test
    void a_final_method_of_a_proxied_bean() {
        ProxyFactory proxy = new ProxyFactory(new FinalMethod());
        proxy.setProxyTargetClass(true);
        assertMistake(
                context -> context.getBeanFactory().registerSingleton("bean", proxy.getProxy()),
                "is final",
                "Remove final");
    }

    interface Shipping {}

    static class NotInInterface implements Shipping {
        @SendMessage("q")
        public void send(Order order) {}
    }

    @Test
    void a_method_the_JDK_proxy_does_not_have() {
        ProxyFactory proxy = new ProxyFactory(new NotInInterface());
        assertMistake(
                context -> context.getBeanFactory().registerSingleton("bean", proxy.getProxy()),
                "cannot be called through the proxy",
                "Declare it in an interface");
    }

    @Scope("prototype")
    static class Prototype {
        @SendMessage("q")
        void send(Order order) {}
    }

    @Test
    void a_bean_of_which_there_are_many() {
        assertMistake(Prototype.class, "not a singleton", "Make the bean a singleton");
    }

    @SendMessage("q")
    static class WithoutInterface {}

    @Test
    void an_annotated_class_without_the_interface() {
        assertMistake(
                WithoutInterface.class, "does not implement SendMessageHandler", "put the annotation on a method");
    }

    @ProcessingMessage("q")
    static class OtherInterface implements SendMessageHandler<Order> {
        @Override
        public Outcome send(Order order, MessageContext context) {
            return Outcome.done();
        }
    }

    @Test
    void an_annotated_class_with_the_interface_of_the_other_direction() {
        assertMistake(OtherInterface.class, "does not implement ProcessingMessageHandler", "Implement it");
    }

    @SuppressWarnings("rawtypes")
    @ProcessingMessage("q")
    static class RawInterface implements ProcessingMessageHandler {
        @Override
        public Outcome process(Object order, MessageContext context) {
            return Outcome.done();
        }
    }

    @Test
    void an_annotated_class_that_does_not_say_its_payload() {
        assertMistake(RawInterface.class, "does not say which payload it takes", "ProcessingMessageHandler<Order>");
    }

    static class FactoryMethod {
        @Bean
        @SendMessage("q")
        SendMessageHandler<Order> handler() {
            return (order, context) -> Outcome.done();
        }
    }

    @Test
    void an_annotated_bean_method() {
        assertMistake(FactoryMethod.class, "makes a bean and is no handler itself", "Handler.send");
    }

    static class BadQueue {
        @SendMessage("queue with blanks")
        void send(Order order) {}
    }

    @Test
    void a_queue_name_that_breaks_the_rules() {
        assertMistake(BadQueue.class, "queue must be 1 to 127", "annotation");
    }

    static class UnknownPlaceholder {
        @SendMessage("${no.such.queue}")
        void send(Order order) {}
    }

    @Test
    void a_placeholder_nobody_sets() {
        assertMistake(UnknownPlaceholder.class, "no.such.queue", "annotation");
    }

    static class BadConcurrency {
        @SendMessage(value = "q", concurrency = 0)
        void send(Order order) {}
    }

    @Test
    void a_number_out_of_range() {
        assertMistake(BadConcurrency.class, "concurrency must be 1 to 1000", "properties");
    }

    static class BadRetryAfter {
        @SendMessage(value = "q", retryAfter = "patiently")
        void send(Order order) {}
    }

    @Test
    void a_retry_policy_that_is_neither_duration_nor_bean() {
        assertMistake(BadRetryAfter.class, "nor is there a RetryPolicy bean \"patiently\"", "10s");
    }

    static class RetryAfterOtherBean {
        @SendMessage(value = "q", retryAfter = "bean")
        void send(Order order) {}
    }

    @Test
    void a_retry_policy_that_is_another_kind_of_bean() {
        assertMistake(RetryAfterOtherBean.class, "is no RetryPolicy", "Name one of");
    }

    static class BadTimeLimit {
        @SendMessage(value = "q", timeLimit = "25h")
        void send(Order order) {}
    }

    @Test
    void a_time_limit_out_of_range() {
        assertMistake(BadTimeLimit.class, "timeLimit must be 1 ms to 24 h", "annotation");
    }

    static class UnknownOnError {
        @SendMessage(value = "q", onError = "nobody")
        void send(Order order) {}
    }

    @Test
    void an_unknown_bean_for_onError() {
        assertMistake(UnknownOnError.class, "names \"nobody\" in onError", "Name one of");
    }

    @Test
    void a_batch_by_property_for_a_handler_bean() {
        assertMistake(
                context -> context.registerBean(
                        "bean",
                        Handler.class,
                        () -> Handler.send("q", Order.class, (order, unused) -> Outcome.done())
                                .id("shop")),
                "has its batch in its code",
                "Handler.batch",
                "postroom.handlers.shop.batch");
    }

    @Test
    void the_mistake_is_shown_by_Spring_Boot_as_description_and_action() {
        StartProblem problem = find(context -> context.registerBean("bean", Private.class));

        FailureAnalysis analysis = new PostroomFailureAnalyzer(new MockEnvironment())
                .analyze(new IllegalStateException("wrapped", problem));

        assertThat(analysis.getDescription()).isEqualTo("Handler method Private.send of bean \"bean\" is private.");
        assertThat(analysis.getAction()).startsWith("Make it public");
    }

    private static void assertMistake(Class<?> bean, String wrong, String action) {
        assertMistake(context -> context.registerBean("bean", bean), wrong, action);
    }

    private static void assertMistake(Registering beans, String wrong, String action, String... properties) {
        StartProblem problem = find(beans, properties);

        assertThat(problem.description()).contains("bean \"bean\"").contains(wrong);
        assertThat(problem.action()).contains(action);
    }

    private static StartProblem find(Registering beans, String... properties) {
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
            MockEnvironment environment = new MockEnvironment();
            for (String property : properties) {
                environment.setProperty(property, "3");
            }
            context.setEnvironment(environment);
            beans.register(context);
            context.refresh();
            BeanHandlers handlers = new BeanHandlers(
                    context.getBeanFactory(), new HandlerSettings(context.getBeanFactory(), environment));
            return Optional.ofNullable(catchThrowableOfType(StartProblem.class, handlers::find))
                    .orElseThrow(() -> new AssertionError("no mistake was found"));
        }
    }

    private interface Registering {
        void register(AnnotationConfigApplicationContext context);
    }
}
