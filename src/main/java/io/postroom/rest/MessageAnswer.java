package io.postroom.rest;

import io.postroom.api.Attempt;
import io.postroom.api.Created;
import io.postroom.api.Message;
import io.postroom.api.PathStep;
import io.postroom.api.QueueEntry;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Writes answers, without the host's mapper: the host's settings must not change the format, and the payload is sent as the text that is
 * stored. Empty members are left out.
 */
public final class MessageAnswer {
    private static final String JSON_CONTENT = "application/json";
    private static final JsonFactory JSON = new JsonFactory();

    private final JsonGenerator out;

    private MessageAnswer(JsonGenerator out) {
        this.out = out;
    }

    private interface Members {
        void write(MessageAnswer answer);
    }

    private static byte[] object(Members members) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator generator = JSON.createGenerator(ObjectWriteContext.empty(), bytes, JsonEncoding.UTF8)) {
            generator.writeStartObject();
            members.write(new MessageAnswer(generator));
            generator.writeEndObject();
            generator.writeRaw('\n'); // for people who read it in a terminal
        }
        return bytes.toByteArray();
    }

    /** @param isRouted whether an exchange chose the queues: then there may be several, or none */
    public static byte[] created(Created created, boolean isRouted) {
        return object(answer -> {
            answer.text("id", created.id().toString());
            answer.out.writeBooleanProperty("isNew", created.isNew());
            if (isRouted) {
                answer.texts("queues", created.queues());
            } else {
                answer.text("queue", created.queues().get(0));
            }
            created.state().ifPresent(state -> answer.text("state", state.name()));
        });
    }

    public static byte[] cancelled(UUID id, int cancelled, String state) {
        return object(answer -> {
            answer.text("id", id.toString());
            answer.out.writeNumberProperty("cancelled", cancelled);
            answer.text("state", state);
        });
    }

    public static byte[] explained(UUID id, List<String> lines) {
        return object(answer -> {
            answer.text("id", id.toString());
            answer.texts("explain", lines);
        });
    }

    public static byte[] found(Message message, List<Attempt> history) {
        return found(message, history, true);
    }

    /** @param withContent false: {@code contentHidden} stands in the place of payload and body */
    static byte[] found(Message message, List<Attempt> history, boolean withContent) {
        return object(answer -> {
            answer.text("id", message.id().toString());
            if (!message.type().isEmpty()) {
                answer.text("type", message.type());
                answer.out.writeNumberProperty("version", message.version());
            }
            answer.text("direction", message.direction().name());
            if (withContent) {
                answer.content(message);
            } else {
                answer.out.writeBooleanProperty("contentHidden", true);
            }
            answer.out.writeName("headers");
            answer.out.writeStartObject();
            message.headers().forEach(answer::text);
            answer.out.writeEndObject();
            answer.out.writeNumberProperty("priority", message.priority());
            answer.text("correlationId", message.correlationId());
            message.exchange().ifPresent(exchange -> {
                answer.text("exchange", exchange);
                answer.text("routingKey", message.routingKey());
            });
            answer.text("group", message.group());
            answer.instant("createdAt", Optional.of(message.createdAt()));
            answer.instant("expiresAt", message.expiresAt());
            answer.array("entries", message.entries(), answer::entry);
            answer.array("history", history, answer::attempt);
        });
    }

    static byte[] path(String correlationId, List<PathStep> steps) {
        return object(answer -> {
            answer.text("correlationId", correlationId);
            answer.array("path", steps, answer::step);
        });
    }

    private void step(PathStep step) {
        instant("at", Optional.of(step.at()));
        text("message", step.messageId().toString());
        text("queue", step.queue());
        if (!step.type().isEmpty()) {
            text("type", step.type());
        }
        text("event", step.event());
        text("who", step.who());
        text("error", step.error());
        text("note", step.note());
    }

    private void content(Message message) {
        if (message.contentType().equals(JSON_CONTENT)) {
            out.writeName("payload");
            out.writeRawValue(message.payload());
        } else {
            text("body", message.payload());
            text("contentType", message.contentType());
        }
    }

    private void entry(QueueEntry entry) {
        text("queue", entry.queue());
        text("state", entry.state().name());
        out.writeNumberProperty("failures", entry.failures());
        out.writeNumberProperty("crashes", entry.crashes());
        out.writeNumberProperty("deliveries", entry.deliveries());
        instant("dueAt", entry.dueAt());
        instant("expiresAt", entry.expiresAt());
        text("error", entry.error());
    }

    private void attempt(Attempt attempt) {
        text("queue", attempt.queue());
        out.writeNumberProperty("number", attempt.number());
        if (!attempt.worker().isEmpty()) {
            text("worker", attempt.worker());
        }
        instant("startedAt", Optional.of(attempt.startedAt()));
        instant("finishedAt", Optional.of(attempt.finishedAt()));
        text("outcome", attempt.outcome());
        text("error", attempt.error());
        text("note", attempt.note());
    }

    private <T> void array(String name, List<T> values, java.util.function.Consumer<T> writer) {
        out.writeName(name);
        out.writeStartArray();
        for (T value : values) {
            out.writeStartObject();
            writer.accept(value);
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private void texts(String name, List<String> values) {
        out.writeName(name);
        out.writeStartArray();
        values.forEach(out::writeString);
        out.writeEndArray();
    }

    private void text(String name, String value) {
        out.writeStringProperty(name, value);
    }

    private void text(String name, Optional<String> value) {
        value.ifPresent(present -> text(name, present));
    }

    private void instant(String name, Optional<Instant> value) {
        value.ifPresent(present -> text(name, present.toString()));
    }
}
