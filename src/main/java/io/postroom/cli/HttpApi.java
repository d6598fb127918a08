package io.postroom.cli;

import io.postroom.rest.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** Sends requests to a server's HTTP API. Follows no redirect, because the token would go along. */
final class HttpApi {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    /** More than any list of the API has: pages are bounded. */
    private static final int LONGEST_ANSWER = 64 * 1024 * 1024;

    private final URI root;
    private final @Nullable String token;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    /**
     * @param url as in {@code http://127.0.0.1:8080}, with a path if the server has one
     * @param token null: none
     */
    HttpApi(String url, @Nullable String token) {
        this.root = root(url);
        this.token = token;
    }

    private static URI root(String url) {
        try {
            URI root = URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
            boolean isHttp = "http".equalsIgnoreCase(root.getScheme()) || "https".equalsIgnoreCase(root.getScheme());
            if (isHttp && root.getHost() != null && root.getUserInfo() == null && root.getQuery() == null) {
                return root;
            }
        } catch (IllegalArgumentException unreadable) {
            // refused below
        }
        throw CliException.usage("--url must be such as http://127.0.0.1:8080, without user and query");
    }

    /**
     * Sends a request and reads the text of its answer.
     *
     * @param path behind {@code /api/v1}
     * @param json null: no body
     * @throws CliException the server cannot be reached, is none of ours, or refuses
     */
    String text(String method, String path, @Nullable String json, Duration limit) {
        BodyPublisher body = json == null ? BodyPublishers.noBody() : BodyPublishers.ofString(json);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(root + "/api/v1" + path))
                .timeout(limit)
                .header("Accept", "application/json")
                .method(method, body);
        if (body.contentLength() != 0) {
            request.header("Content-Type", "application/json");
        }
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        long began = System.nanoTime();
        try {
            HttpResponse<InputStream> response = http.send(request.build(), BodyHandlers.ofInputStream());
            byte[] bytes = body(response.body(), limit.minusNanos(System.nanoTime() - began));
            return checked(response, new String(bytes, StandardCharsets.UTF_8));
        } catch (IOException away) {
            throw CliException.unreachable(root + " cannot be reached: " + reason(away));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw CliException.refused("Interrupted");
        }
    }

    /** The same for an answer that is an object of JSON. */
    JsonNode json(String method, String path, @Nullable String json, Duration limit) {
        return read(text(method, path, json, limit));
    }

    /**
     * Reads a body within a time. The limit of the request ends with the head of the answer: a server that stops in the middle of the body
     * would keep the command for ever.
     */
    private static byte[] body(InputStream in, Duration left) throws IOException {
        CompletableFuture<Boolean> read = new CompletableFuture<>();
        read.completeOnTimeout(false, Math.max(0, left.toNanos()), TimeUnit.NANOSECONDS)
                .thenAccept(isInTime -> {
                    if (!isInTime) {
                        close(in); // the read fails then
                    }
                });
        byte[] bytes;
        try (in) {
            bytes = in.readNBytes(LONGEST_ANSWER + 1);
        } catch (IOException broken) {
            throw read.complete(true) ? broken : new HttpTimeoutException("the answer did not end within --timeout");
        }
        read.complete(true);
        if (bytes.length > LONGEST_ANSWER) {
            throw CliException.refused("The answer is longer than " + LONGEST_ANSWER + " bytes: ask for less");
        }
        return bytes;
    }

    private static void close(InputStream in) {
        try {
            in.close();
        } catch (IOException alreadyBroken) {
            // the reader meets it
        }
    }

    private static String reason(IOException away) {
        return away.getMessage() == null ? away.getClass().getSimpleName() : away.getMessage();
    }

    private String checked(HttpResponse<?> response, String text) {
        int status = response.statusCode();
        if (status / 100 == 2) {
            return text;
        }
        String type = response.headers().firstValue("Content-Type").orElse("");
        JsonNode problem = type.startsWith(Problem.CONTENT_TYPE) ? read(text) : CliJson.MAPPER.createObjectNode();
        if (!problem.path("type").asString("").startsWith(Problem.TYPE)) {
            throw noPostroom("HTTP " + status);
        }
        String detail = problem.path("detail").asString("HTTP " + status);
        throw status == 503 ? CliException.unreachable(detail) : CliException.refused(detail);
    }

    private JsonNode read(String text) {
        try {
            JsonNode answer = CliJson.MAPPER.readTree(text);
            if (answer.isObject()) {
                return answer;
            }
        } catch (JacksonException noJson) {
            // refused below
        }
        throw noPostroom("it answers no JSON");
    }

    private CliException noPostroom(String why) {
        return CliException.unreachable("What answers at " + root + " is no Postroom server, or is too old: " + why);
    }
}
