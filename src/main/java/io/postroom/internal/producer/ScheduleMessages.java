package io.postroom.internal.producer;

import io.postroom.api.CreateMessage;
import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Schedule;
import io.postroom.internal.schedules.ScheduledMessages;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.DueSchedule;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/**
 * Turns the message of a schedule into JSON with the members of {@code postroom.create_messages}, and creates messages of it. They go the
 * way of every message: interceptors, routing, limits of queues. Thread-safe.
 */
public final class ScheduleMessages implements ScheduledMessages {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final MessageEncoder encoder;
    private final MessageWriter writer;

    ScheduleMessages(MessageEncoder encoder, MessageWriter writer) {
        this.encoder = encoder;
        this.writer = writer;
    }

    /** Does what {@link #toJson} does with what interceptors make of the message. */
    String interceptedToJson(CreateMessage message) {
        return toJson(encoder.intercepted(message));
    }

    /** @throws io.postroom.api.InvalidMessageException the content breaks a limit */
    String toJson(CreateMessage message) {
        message.batch().ifPresent(batch -> {
            throw new InvalidMessageException("batch", "left out in the message of a schedule", batch.toString());
        });
        Content content = encoder.content(message);
        ObjectNode json = JSON.createObjectNode();
        if (message.exchange().isPresent()) {
            json.put("exchange", message.exchange().get());
            json.put("routingKey", message.routingKey());
            if (!message.mandatory()) {
                json.put("mandatory", false);
            }
        } else {
            json.put("queue", message.queue());
        }
        if (content.type() != null) {
            json.put("type", content.type()).put("version", content.version());
        }
        if (content.payload() != null) {
            json.putRawValue("payload", new RawValue(content.payload()));
        } else if (content.body() != null) {
            json.put("body", Base64.getEncoder().encodeToString(content.body()));
            json.put("contentType", content.contentType());
        }
        json.put("priority", message.priority());
        json.put("direction", message.direction().name());
        message.delay().ifPresent(delay -> json.put("delay", delay.toString()));
        message.timeToLive().ifPresent(time -> json.put("timeToLive", time.toString()));
        message.correlationId().ifPresent(id -> json.put("correlationId", id));
        message.group().ifPresent(group -> json.put("group", group));
        if (!message.headers().isEmpty()) {
            ObjectNode headers = json.putObject("headers");
            message.headers().forEach(headers::put);
        }
        return JSON.writeValueAsString(json);
    }

    private static CreateMessage fromJson(DueSchedule schedule) {
        JsonNode json = JSON.readTree(schedule.message());
        String exchange = text(json, "exchange");
        CreateMessage message = exchange == null
                ? CreateMessage.to(String.valueOf(text(json, "queue")))
                : CreateMessage.via(exchange, json.path("routingKey").asString(""))
                        .mandatory(json.path("mandatory").asBoolean(true));
        message = withContent(message, json, schedule.payload())
                .priority(json.path("priority").asInt(CreateMessage.DEFAULT_PRIORITY))
                .direction(Direction.valueOf(json.path("direction").asString(Direction.OUTGOING.name())));
        for (var header : json.path("headers").properties()) {
            message = message.header(header.getKey(), header.getValue().asString());
        }
        String correlationId = text(json, "correlationId");
        String group = text(json, "group");
        Duration delay = schedule.delay();
        Duration timeToLive = schedule.timeToLive();
        message = correlationId == null ? message : message.correlationId(correlationId);
        message = group == null ? message : message.group(group);
        message = delay == null ? message : message.delay(delay);
        return timeToLive == null ? message : message.timeToLive(timeToLive);
    }

    private static CreateMessage withContent(CreateMessage message, JsonNode json, @Nullable String payload) {
        String type = text(json, "type");
        int version = json.path("version").asInt(1);
        String body = text(json, "body");
        if (body != null) {
            byte[] bytes = Base64.getMimeDecoder().decode(body);
            String contentType = json.path("contentType").asString("application/octet-stream");
            return type == null ? message.body(bytes, contentType) : message.body(type, version, bytes, contentType);
        }
        String content = payload == null ? "null" : payload;
        return type == null ? message.json(content) : message.json(type, version, content);
    }

    private static @Nullable String text(JsonNode json, String member) {
        JsonNode value = json.path(member);
        return value.isMissingNode() || value.isNull() ? null : value.asString();
    }

    @Override
    public Created create(List<Run> runs, Connection connection) {
        List<NewMessage> encoded = runs.stream()
                .map(run -> encoder.encode(Schedule.stamped(
                        fromJson(run.schedule()), run.schedule().name(), run.plannedAt())))
                .toList();
        MessageWriter.Written written = writer.writeAll(connection, encoded);
        return new Created() {
            @Override
            public List<UUID> ids() {
                return written.results().stream().map(EnqueueResult::id).toList();
            }

            @Override
            public void committed() {
                writer.committed(written);
            }
        };
    }
}
