package io.postroom.bench;

import com.sun.net.httpserver.HttpServer;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.QueueSettings;
import io.postroom.api.SettingsEntry;
import io.postroom.bench.WorkloadResult.Row;
import io.postroom.channel.http.HttpSender;
import io.postroom.handler.Handler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.springframework.http.MediaType;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

/**
 * W17: requests to a server that takes 10 ms for each, 32 in flight: by RestClient alone, and by the HTTP sender from a queue, with all
 * that a message costs. The server is in this process.
 */
final class HttpWorkload implements Workload {
    private static final int MESSAGES = 30_000;
    private static final int IN_FLIGHT = 32;
    private static final int SERVER_MILLIS = 10;
    private static final int BLOCK = 1000;
    private static final int ROUNDS = 3;
    private static final String QUEUE = "bench";
    private static final String BODY = "{\"order\": \"A-17\", \"customer\": \"ann@example.org\", \"cents\": 1990}";

    record Order(String order, String customer, int cents) {}

    @Override
    public String id() {
        return "W17";
    }

    @Override
    public String title() {
        return "HTTP requests, 32 in flight, to a server that takes 10 ms";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(MESSAGES) * 2_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        ExecutorService threads = Executors.newCachedThreadPool();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 200);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            try {
                Thread.sleep(SERVER_MILLIS);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/";
        try {
            int messages = bench.options().messages(MESSAGES);
            Rounds rounds = new Rounds(bench, result);
            Row alone = result.row("RestClient alone", IN_FLIGHT + " threads, a pool of as many connections", null);
            Row sender = result.row("postroom, HTTP sender", "one handler with " + IN_FLIGHT + " threads", alone);
            rounds.add(alone, ROUNDS, anyRound -> restClient(bench, url, messages, threads));
            rounds.add(sender, ROUNDS, anyRound -> sender(bench, url, messages));
            rounds.run(ROUNDS);
            result.atLeast(
                    "messages a second >= 0.8 x RestClient alone",
                    sender.ratio(Sample::rate).median(),
                    0.8,
                    bench.options());
        } finally {
            server.stop(0);
            threads.shutdownNow();
        }
        return result;
    }

    private static Sample restClient(Bench bench, String url, int messages, ExecutorService threads) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                CloseableHttpClient client = HttpClients.custom()
                        .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                                .setMaxConnTotal(IN_FLIGHT)
                                .setMaxConnPerRoute(IN_FLIGHT)
                                .build())
                        .build()) {
            RestClient rest = RestClient.create();
            RestClient pooled = rest.mutate()
                    .requestFactory(new HttpComponentsClientHttpRequestFactory(client))
                    .build();
            return new Meter(connection, bench.server().isLocal()).measure(() -> {
                AtomicInteger left = new AtomicInteger(messages);
                List<Future<?>> running = new ArrayList<>();
                for (int i = 0; i < IN_FLIGHT; i++) {
                    running.add(threads.submit(() -> {
                        while (left.getAndDecrement() > 0) {
                            pooled.post()
                                    .uri(url)
                                    .contentType(MediaType.APPLICATION_JSON)
                                    .body(BODY)
                                    .retrieve()
                                    .toBodilessEntity();
                        }
                    }));
                }
                for (Future<?> one : running) {
                    one.get();
                }
                return messages;
            });
        } finally {
            bench.server().drop(database);
        }
    }

    private static Sample sender(Bench bench, String url, int messages) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        AtomicInteger done = new AtomicInteger();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                HikariDataSource pool = database.pool(PostroomContender.POOL);
                HttpSender sender = HttpSender.open();
                Postroom postroom = Postroom.on(pool)
                        .settingsCheck(sender)
                        .settingsEntry(
                                SettingsEntry.of("stub", "http").endpoint(url).property("allowPrivate", "true"))
                        .queue(QueueSettings.of(QUEUE))
                        .handler(Handler.send(QUEUE, Order.class, sender::send)
                                .settings("stub")
                                .concurrency(IN_FLIGHT))
                        .listener(
                                event -> { // after its result was committed
                                    if (event.state() == MessageState.DONE) {
                                        done.incrementAndGet();
                                    }
                                })
                        .start()) {
            postroom.queues().pause(QUEUE);
            CreateMessage message = CreateMessage.to(QUEUE).payload(new Order("A-17", "ann@example.org", 1990));
            for (int left = messages; left > 0; left -= BLOCK) {
                postroom.queueMessages().createMessages(Collections.nCopies(Math.min(left, BLOCK), message));
            }
            return new Meter(connection, bench.server().isLocal()).measure(() -> {
                postroom.queues().resume(QUEUE);
                while (done.get() < messages) {
                    Thread.sleep(5);
                }
                return messages;
            });
        } finally {
            bench.server().drop(database);
        }
    }
}
