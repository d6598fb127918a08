package io.postroom.server.demo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Stands for the accounting system, which somebody else would run: an HTTP server on 127.0.0.1. It writes down each request with its
 * {@code Idempotency-Key}, by which it knows a repeated order.
 *
 * <p>It answers 201, 400 for a request that it cannot read, and 503 while the database is away.
 */
final class AccountingStub implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(AccountingStub.class);
    private static final int BACKLOG = 50;
    private static final int THREADS = 8;
    private static final int LARGEST_REQUEST = 10_000;

    private final DemoBooks books;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);

    private AccountingStub(DemoBooks books, HttpServer server) {
        this.books = books;
        this.server = server;
    }

    /** Starts it on any free port. */
    static AccountingStub start(DataSource dataSource) {
        try {
            InetAddress local = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
            HttpServer server = HttpServer.create(new InetSocketAddress(local, 0), BACKLOG);
            AccountingStub stub = new AccountingStub(new DemoBooks(dataSource), server);
            server.setExecutor(stub.threads);
            server.createContext("/orders", stub::handle);
            server.start();
            return stub;
        } catch (IOException e) {
            throw new UncheckedIOException("The demo's accounting system cannot listen on 127.0.0.1", e);
        }
    }

    URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/orders");
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readNBytes(LARGEST_REQUEST);
            exchange.sendResponseHeaders(book(exchange, body), -1);
        }
    }

    private int book(HttpExchange exchange, byte[] body) {
        try {
            String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
            books.book(UUID.fromString(String.valueOf(key)), JsonMapper.shared().readValue(body, Booking.class));
            return 201;
        } catch (IllegalArgumentException | JacksonException unreadable) {
            log.warn("The demo's accounting system refuses a request: {}", unreadable.getMessage());
            return 400;
        } catch (DataAccessException databaseAway) {
            log.debug("The demo's accounting system cannot book", databaseAway);
            return 503;
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
