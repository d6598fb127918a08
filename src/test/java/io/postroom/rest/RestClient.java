package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.server.RunningServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Talks to a running server as an external system does. */
final class RestClient {
    static final String MESSAGES = "/api/v1/messages";
    private static final JsonMapper JSON = new JsonMapper();

    private final HttpClient http = HttpClient.newHttpClient();
    private final String root;

    RestClient(RunningServer server) {
        root = "http://127.0.0.1:" + server.port();
    }

    HttpResponse<String> post(String json, String... headers) {
        return post(BodyPublishers.ofString(json), with(headers, "Content-Type", "application/json"));
    }

    HttpResponse<String> post(BodyPublisher body, String... headers) {
        return send(to(MESSAGES, headers).POST(body).build());
    }

    HttpResponse<String> post(String path, BodyPublisher body, String... headers) {
        return send(to(path, headers).POST(body).build());
    }

    HttpResponse<String> postTo(String path, String json) {
        return send(to(path, "Content-Type", "application/json")
                .POST(BodyPublishers.ofString(json))
                .build());
    }

    HttpResponse<String> put(String path, String json) {
        return send(to(path, "Content-Type", "application/json")
                .PUT(BodyPublishers.ofString(json))
                .build());
    }

    HttpResponse<String> delete(String path) {
        return send(to(path).DELETE().build());
    }

    HttpResponse<String> get(String path) {
        return send(to(path).GET().build());
    }

    private HttpRequest.Builder to(String path, String... headers) {
        HttpRequest.Builder builder =
                HttpRequest.newBuilder(URI.create(root + path)).timeout(Duration.ofSeconds(60));
        return headers.length == 0 ? builder : builder.headers(headers);
    }

    private static String[] with(String[] headers, String... more) {
        String[] all = java.util.Arrays.copyOf(headers, headers.length + more.length);
        System.arraycopy(more, 0, all, headers.length, more.length);
        return all;
    }

    private HttpResponse<String> send(HttpRequest request) {
        try {
            return http.send(request, BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    static JsonNode json(HttpResponse<String> response) {
        return JSON.readTree(response.body());
    }

    /** A whole problem document of RFC 9457 that leaks nothing. */
    static JsonNode problem(HttpResponse<String> response, int status) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(response.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
        JsonNode problem = json(response);
        assertThat(problem.get("type").asString()).startsWith("urn:postroom:problem:");
        assertThat(problem.get("title").asString()).isNotEmpty();
        assertThat(problem.get("status").asInt()).isEqualTo(status);
        assertThat(problem.get("detail").asString()).isNotEmpty().doesNotContain("Exception", "SELECT", "INSERT");
        assertThat(response.body().length()).isLessThan(1500);
        return problem;
    }
}
