package io.postroom.fault;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Outcome;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.MessageContext;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;

/**
 * A process of its own that handles messages until it is killed. {@code atomic} writes one row of {@code effect} a message in the message's
 * own transaction; {@code plain} writes one of {@code run} on a connection of its own when it starts a message; {@code sync} sends one
 * message and never comes back from its handler; {@code mixed} does what the message says; {@code many:100} consumes 100 queues, each tenth
 * like {@code atomic} and the others like {@code plain}; {@code hold} does what {@code plain} does, and nobody rescues its messages soon;
 * {@code kinds} owns an exclusive queue and consumes an auto-delete queue; {@code ordered} writes down when each run of an ordered
 * queue begins and ends; {@code limited} writes down when each run of a limited queue begins.
 */
final class FaultWorker {
    static final Duration LEASE_TIME = Duration.ofSeconds(3);
    static final Duration BEAT = Duration.ofMillis(500);

    static final String OWNED = "fault.owned";
    static final String AUTO = "fault.auto";
    static final String REQUESTS = "fault.requests";

    private FaultWorker() {}

    public static void main(String[] arguments) throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername(arguments[1]);
        config.setPassword(arguments[2]);
        config.setMaximumPoolSize(12);
        HikariDataSource pool = new HikariDataSource(config);
        Duration pause = Duration.ofMillis(Long.parseLong(arguments[4]));
        String[] mode = arguments[3].split(":");
        switch (mode[0]) {
            case "many" -> {
                many(pool, Integer.parseInt(mode[1]), pause).start();
                System.out.println("READY");
            }
            case "work" -> work(pool, pause);
            case "hold" -> hold(pool, pause);
            case "sync" -> sendAndHang(pool);
            case "mixed" -> mixed(pool, pause);
            case "kinds" -> kinds(pool);
            case "replies" -> replies(pool);
            case "ordered" -> ordered(pool);
            case "limited" -> limited(pool, pause);
            default -> throw new IllegalArgumentException(arguments[3]);
        }
    }

    private static void kinds(HikariDataSource pool) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .queue(QueueSettings.of(OWNED).kind(QueueKind.EXCLUSIVE))
                .queue(QueueSettings.of(AUTO).kind(QueueKind.AUTO_DELETE))
                .handler(Handler.process(OWNED, String.class, (payload, context) -> Outcome.done()))
                .handler(Handler.process(AUTO, String.class, (payload, context) -> Outcome.done()))
                .start();
        System.out.println("READY");
    }

    private static void replies(HikariDataSource pool) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .handler(replying(true))
                .start();
        System.out.println("READY");
    }

    /** @param mortal whether a request may kill the process, after it has set its reply */
    static Handler replying(boolean mortal) {
        return Handler.process(REQUESTS, String.class, (payload, context) -> {
            context.reply(ProcessHandle.current().pid());
            if (mortal && payload.contains("die")) {
                Runtime.getRuntime().halt(1);
            }
            return Outcome.done();
        });
    }

    private static void mixed(HikariDataSource pool, Duration pause) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .handler(mixedHandler(pool, pause))
                .start();
        System.out.println("READY");
    }

    private static void ordered(HikariDataSource pool) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .handler(orderedHandler(pool))
                .start();
        System.out.println("READY");
    }

    /** The payload is the number of the message in its group. Each tenth fails once. */
    private static Handler orderedHandler(HikariDataSource pool) {
        return Handler.process("ordered", String.class, (payload, context) -> {
                    int number = Integer.parseInt(payload);
                    long run = begun(pool, context, number);
                    Thread.sleep(number % 3);
                    execute(pool, "UPDATE public.span SET ended_at = clock_timestamp() WHERE run = " + run);
                    return number % 10 == 7 && context.failures() == 0 ? Outcome.retry("once") : Outcome.done();
                })
                .concurrency(6)
                .retry(RetryPolicy.fixed(3, Duration.ofMillis(50)));
    }

    private static long begun(HikariDataSource pool, MessageContext context, int number) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement insert = connection.prepareStatement(
                        "INSERT INTO public.span (group_key, number) VALUES (?, ?) RETURNING run")) {
            insert.setString(1, context.group().orElseThrow());
            insert.setInt(2, number);
            try (ResultSet row = insert.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    private static void limited(HikariDataSource pool, Duration pause) {
        Handler handler = Handler.process("limited", String.class, (payload, context) -> {
                    OffsetDateTime begun = OffsetDateTime.now(ZoneOffset.UTC);
                    try (Connection connection = pool.getConnection();
                            PreparedStatement insert =
                                    connection.prepareStatement("INSERT INTO public.start VALUES (?, ?, ?)")) {
                        insert.setObject(1, context.id());
                        insert.setLong(2, ProcessHandle.current().pid());
                        insert.setObject(3, begun);
                        insert.executeUpdate();
                    }
                    Thread.sleep(pause.toMillis());
                    return Outcome.done();
                })
                .concurrency(8);
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .handler(handler)
                .start();
        System.out.println("READY");
    }

    private static void execute(HikariDataSource pool, String sql) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** 0: takes 2 ms; 1: is written down and takes the pause; 2: is written down, and kills the process soon after. */
    static Handler mixedHandler(HikariDataSource pool, Duration pause) {
        return Handler.process("mixed", String.class, (payload, context) -> {
                    if (payload.equals("0")) {
                        Thread.sleep(2);
                        return Outcome.done();
                    }
                    try (Connection connection = pool.getConnection()) {
                        insert(connection, "run", context);
                    }
                    if (payload.equals("2")) {
                        Thread.sleep(100);
                        Runtime.getRuntime().halt(1);
                    }
                    Thread.sleep(pause.toMillis());
                    return Outcome.done();
                })
                .concurrency(8);
    }

    static EngineSettings settings(String name) {
        return new EngineSettings(name, LEASE_TIME, BEAT, Duration.ofMillis(500), true, true);
    }

    private static void work(HikariDataSource pool, Duration pause) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()))
                .handler(atomic(pause))
                .handler(plain(pool, pause))
                .start();
        System.out.println("READY");
    }

    /** Returns a builder with handlers for so many queues. */
    static Postroom.Builder many(HikariDataSource pool, int queues, Duration pause) {
        Postroom.Builder builder = Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("fault-worker-" + ProcessHandle.current().pid()));
        for (int i = 0; i < queues; i++) {
            String queue = manyQueue(i);
            builder.handler((i % 10 == 0 ? atomic(queue, pause) : plain(queue, pool, pause)).concurrency(1));
        }
        return builder;
    }

    static String manyQueue(int number) {
        return "many-" + number;
    }

    static Handler atomic(Duration pause) {
        return atomic("atomic", pause);
    }

    private static Handler atomic(String queue, Duration pause) {
        return Handler.process(queue, String.class, (payload, context) -> {
                    insert(context.connection(), "effect", context);
                    Thread.sleep(pause.toMillis());
                    return Outcome.done();
                })
                .mode(HandlerMode.ATOMIC);
    }

    static Handler plain(HikariDataSource pool, Duration pause) {
        return plain("plain", pool, pause);
    }

    private static Handler plain(String queue, HikariDataSource pool, Duration pause) {
        return Handler.process(queue, String.class, (payload, context) -> {
            try (Connection connection = pool.getConnection()) {
                insert(connection, "run", context);
            }
            Thread.sleep(pause.toMillis());
            return Outcome.done();
        });
    }

    static EngineSettings longLease(String name) {
        return new EngineSettings(name, Duration.ofMinutes(5), BEAT, Duration.ofMillis(500), true, true);
    }

    static String holderName(long pid) {
        return "holder-" + pid;
    }

    private static void hold(HikariDataSource pool, Duration pause) {
        Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(longLease(holderName(ProcessHandle.current().pid())))
                .handler(plain(pool, pause).concurrency(2))
                .start();
        System.out.println("READY");
    }

    /** The handler says that it started, and hangs: to be killed there. */
    private static void sendAndHang(HikariDataSource pool) {
        Handler hanging = Handler.send("sync", String.class, (payload, context) -> {
            System.out.println("READY");
            Thread.sleep(Duration.ofMinutes(10).toMillis());
            return Outcome.done();
        });
        Postroom postroom = Postroom.on(pool)
                .schema(SchemaMode.NONE)
                .settings(settings("sync-sender"))
                .workers(false)
                .handler(hanging)
                .start();
        postroom.queueMessages().sendMessageSync(CreateMessage.to("sync").json("text", 1, "\"hello\""));
    }

    private static void insert(Connection connection, String table, MessageContext context) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "INSERT INTO public." + table + " (message_id, pid, lease_valid) VALUES (?, ?, ?)")) {
            insert.setObject(1, context.id());
            insert.setLong(2, ProcessHandle.current().pid());
            insert.setBoolean(3, context.isStillOurs());
            insert.executeUpdate();
        }
    }
}
