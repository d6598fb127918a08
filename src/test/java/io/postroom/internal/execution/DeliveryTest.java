package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.internal.storage.Content;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;

class DeliveryTest {
    private static final byte[] BODY = "[1]".getBytes(StandardCharsets.UTF_8);
    private static final Content NULL = new Content(Direction.INCOMING, null, 0, null, null, null, null, null);

    private final List<String> said = new ArrayList<>();

    @Test
    void text_and_bytes_are_delivered_as_they_are_stored() throws Exception {
        Content json = ClaimedMessages.text("{\"ä\" : 1}");
        assertThat(read(String.class, json)).isEqualTo("{\"ä\" : 1}");
        assertThat(read(byte[].class, json)).isEqualTo("{\"ä\" : 1}".getBytes(StandardCharsets.UTF_8));
        assertThat(read(byte[].class, ClaimedMessages.bytes(BODY))).isSameAs(BODY);
        assertThat(read(String.class, ClaimedMessages.bytes(BODY))).isEqualTo("[1]");
    }

    @Test
    void other_payloads_are_read_by_the_codec_from_text_or_bytes() throws Exception {
        assertThat(read(Map.class, ClaimedMessages.text("{\"a\":1}"))).isEqualTo(Map.of("a", 1));
        assertThat(read(int[].class, ClaimedMessages.bytes(BODY))).isEqualTo(new int[] {1});
    }

    @Test
    void json_null_is_null_or_its_text() throws Exception {
        assertThat(read(Map.class, NULL)).isNull();
        assertThat(read(String.class, NULL)).isEqualTo("null");
    }

    @Test
    void payload_that_does_not_fit_names_the_handler_and_its_class() {
        assertThatThrownBy(() -> read(int[].class, ClaimedMessages.text("{}")))
                .isInstanceOf(Delivery.UndecodableException.class)
                .hasMessageStartingWith("payload cannot be read as [I for handler q.int[]: ");
    }

    @Test
    void interceptors_go_around_the_handler_in_their_order() throws Exception {
        assertThat(call(List.of(interceptor("first"), interceptor("second")), 2))
                .containsExactly(Outcome.done(), Outcome.retry("1"));
        assertThat(said).containsExactly("first", "second", "handler", "second ends", "first ends");
    }

    @Test
    void outcome_of_an_interceptor_holds_for_all_messages_of_the_call() throws Exception {
        Outcome snooze = Outcome.snooze(Duration.ofHours(1), "at night");
        assertThat(call(List.of(answering(snooze)), 3)).containsExactly(snooze, snooze, snooze);
        assertThat(said).isEmpty();
    }

    private Object read(Class<?> payload, Content content) throws Exception {
        return delivery(List.of()).read(Handler.process("q", payload, (one, context) -> Outcome.done()), content);
    }

    private List<Outcome> call(List<MessageInterceptor> interceptors, int messages) throws Exception {
        Handler handler = Handler.batch("q", Direction.INCOMING, String.class, 10, (payloads, contexts) -> {
            said.add("handler");
            return List.of(Outcome.done(), Outcome.retry("1"));
        });
        List<Object> payloads = new ArrayList<>();
        List<MessageContext> contexts = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            payloads.add("payload");
            contexts.add(new HandlerContext(
                    ClaimedMessages.message(),
                    "q",
                    3,
                    new Attempt(handler, MessageIds.next()),
                    () -> true,
                    null,
                    null,
                    (queue, payload) -> {}));
        }
        return delivery(interceptors).call(handler, payloads, contexts);
    }

    private static Delivery delivery(List<MessageInterceptor> interceptors) {
        return new Delivery(new JacksonPayloadCodec(), Upcasters.NONE, interceptors);
    }

    private MessageInterceptor interceptor(String name) {
        return new MessageInterceptor() {
            @Override
            public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
                said.add(name);
                Outcome outcome = next.call();
                said.add(name + " ends");
                return outcome;
            }
        };
    }

    private static MessageInterceptor answering(Outcome outcome) {
        return new MessageInterceptor() {
            @Override
            public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) {
                return outcome;
            }
        };
    }
}
