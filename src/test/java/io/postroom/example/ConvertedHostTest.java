package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.Exchanges;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.NoReplyException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.transaction.annotation.Transactional;

/** A small host that was written for spring-amqp, converted. Each comment shows the line that was there before. */
@Timeout(180)
class ConvertedHostTest {
    record Order(String number, int cents) {}

    record Receipt(String number, String text) {}

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Shop {
        @Bean // new Queue("billing", true), with x-dead-letter-exchange in its arguments
        QueueSettings billing() {
            return QueueSettings.of("billing").deadLetterExchange("failed-orders");
        }

        @Bean
        Billing billingService() {
            return new Billing();
        }

        @Bean
        Orders orders(QueueMessages messages) {
            return new Orders(messages);
        }
    }

    static class Billing {
        private final Queue<String> billed = new ConcurrentLinkedQueue<>();
        private final Queue<String> failed = new ConcurrentLinkedQueue<>();

        // @RabbitListener(queues = "billing", concurrency = "2"), spring.rabbitmq.listener.simple.retry.max-retries=1
        @ProcessingMessage(value = "billing", concurrency = 2, attempts = 2, retryAfter = "10ms")
        public @Nullable Receipt bill(Order order) {
            if (order.cents() < 0) {
                throw new IllegalArgumentException(
                        "negative amount"); // throw new AmqpRejectAndDontRequeueException(...)
            }
            billed.add(order.number());
            return new Receipt(order.number(), "billed " + order.cents());
        }

        @ProcessingMessage("failed-orders.inbox") // @RabbitListener(queues = "failed-orders.inbox")
        public void look(Order order) {
            failed.add(order.number());
        }
    }

    static class Orders {
        private final QueueMessages messages;

        Orders(QueueMessages messages) {
            this.messages = messages;
        }

        @Transactional // the RabbitTemplate was channelTransacted, and published after the commit
        public void pay(Order order) {
            // template.convertAndSend("orders", "order.paid", order)
            messages.createMessage(CreateMessage.via("orders", "order.paid").payload(order));
        }

        public Receipt payNow(Order order) {
            // (Receipt) template.convertSendAndReceive("orders", "order.paid", order)
            CreateMessage request = CreateMessage.via("orders", "order.paid").payload(order);
            return messages.sendAndReceive(request, Duration.ofSeconds(60)).as(Receipt.class);
        }
    }

    @Test
    void converted_host_publishes_retries_dead_letters_and_replies() {
        try (TestDatabase database = TestDatabase.create();
                ConfigurableApplicationContext host = new SpringApplicationBuilder(Shop.class)
                        .web(WebApplicationType.NONE)
                        .properties(
                                "spring.datasource.url=" + database.url(),
                                "spring.datasource.username=" + database.user(),
                                "spring.datasource.password=" + database.password(),
                                "spring.main.banner-mode=off")
                        .run()) {
            bind(host.getBean(Exchanges.class));
            Orders orders = host.getBean(Orders.class);
            Billing billing = host.getBean(Billing.class);

            orders.pay(new Order("A-1", 100));
            assertThat(orders.payNow(new Order("A-2", 250))).isEqualTo(new Receipt("A-2", "billed 250"));
            await().atMost(Duration.ofSeconds(60)).until(() -> billing.billed.contains("A-1"));

            orders.pay(new Order("A-3", -1));
            await().atMost(Duration.ofSeconds(60)).until(() -> billing.failed.contains("A-3"));
            QueueMessages messages = host.getBean(QueueMessages.class);
            assertThatThrownBy(() -> messages.sendAndReceive(
                            CreateMessage.to("billing").payload(new Order("A-4", -1)), Duration.ofSeconds(60)))
                    .isInstanceOf(NoReplyException.class)
                    .hasMessageContaining("attempts_spent")
                    .hasMessageContaining("failed-orders");
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> messages.find(
                                    MessageFilter.queue("billing").state(MessageState.READY, MessageState.IN_PROGRESS))
                            .isEmpty());
        }
    }

    /** TopicExchange, FanoutExchange and BindingBuilder.bind(queue).to(exchange).with(key) before. */
    private static void bind(Exchanges exchanges) {
        exchanges.declare(Exchange.topic("orders"));
        exchanges.declare(Exchange.fanout("failed-orders"));
        exchanges.bind(Binding.from("orders").key("order.#").to("billing"));
        exchanges.bind(Binding.from("failed-orders").to("failed-orders.inbox"));
    }
}
