package io.postroom.rest;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.Receipts;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** Writes answers about consumers, without the host's mapper: the host's settings must not change the format. */
public final class ConsumersAnswer {
    private static final JsonMapper JSON = new JsonMapper();

    private ConsumersAnswer() {}

    public static byte[] list(String queue, List<ConsumerInfo> consumers) {
        Map<String, Object> members = of(queue);
        members.put(
                "consumers", consumers.stream().map(ConsumersAnswer::consumer).toList());
        return json(members);
    }

    private static Map<String, Object> consumer(ConsumerInfo consumer) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("worker", consumer.worker());
        members.put("handlers", consumer.handlers());
        members.put("state", consumer.state().name());
        members.put("inFlight", consumer.inFlight());
        members.put("startedAt", consumer.startedAt().toString());
        members.put("lastSeen", consumer.lastSeen().toString());
        return members;
    }

    public static byte[] receipts(String queue, Receipts receipts) {
        Map<String, Object> members = of(queue);
        members.put("stopped", receipts.stopped());
        members.put("of", receipts.of());
        members.put("inFlight", receipts.inFlight());
        members.put(
                "silent",
                receipts.silent().stream().map(ConsumersAnswer::silent).toList());
        return json(members);
    }

    private static Map<String, Object> silent(Receipts.Silent silent) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("worker", silent.worker());
        members.put("holds", silent.holds());
        members.put("lastSeen", silent.lastSeen().toString());
        return members;
    }

    public static byte[] started(String queue, int started) {
        Map<String, Object> members = of(queue);
        members.put("started", started);
        return json(members);
    }

    private static Map<String, Object> of(String queue) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("queue", queue);
        return members;
    }

    /** With a line's end, for people who read it in a terminal. */
    private static byte[] json(Map<String, Object> members) {
        return (JSON.writeValueAsString(members) + "\n").getBytes(StandardCharsets.UTF_8);
    }
}
