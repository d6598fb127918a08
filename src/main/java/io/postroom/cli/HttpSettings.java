package io.postroom.cli;

import io.postroom.api.Reason;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Settings and limiters over HTTP. */
final class HttpSettings implements SettingsVerbs {
    private final HttpApi api;
    private final Duration timeout;

    HttpSettings(HttpApi api, Duration timeout) {
        this.api = api;
        this.timeout = timeout;
    }

    @Override
    public JsonNode list() {
        return api.json("GET", "/settings", null, timeout);
    }

    @Override
    public JsonNode set(String name, String entry, long expectedVersion, Optional<Reason> reason) {
        HttpBackend.Query query = new HttpBackend.Query();
        query.add("expectedVersion", String.valueOf(expectedVersion));
        return api.json("PUT", path(name) + query.add(reason), entry, timeout);
    }

    @Override
    public JsonNode delete(String name, Optional<Reason> reason) {
        return api.json("DELETE", path(name) + new HttpBackend.Query().add(reason), null, timeout);
    }

    @Override
    public JsonNode test(String name) {
        return api.json("POST", path(name) + "/test", null, timeout);
    }

    @Override
    public JsonNode setLimiter(Limited of, String limits, Optional<Reason> reason) {
        return api.json("PUT", path(of) + new HttpBackend.Query().add(reason), limits, timeout);
    }

    @Override
    public JsonNode removeLimiter(Limited of, Optional<Reason> reason) {
        return api.json("DELETE", path(of) + new HttpBackend.Query().add(reason), null, timeout);
    }

    private static String path(String name) {
        return "/settings/" + HttpBackend.encoded(name);
    }

    private static String path(Limited of) {
        return "/limiters/" + (of.isDestination() ? "destinations/" : "queues/") + HttpBackend.encoded(of.name());
    }
}
