package io.postroom.cli;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.AccessTokens;
import io.postroom.api.BulkSettings;
import io.postroom.api.Consumers;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.EngineSettings;
import io.postroom.api.ImportOptions;
import io.postroom.api.LedgerFilter;
import io.postroom.api.Limiters;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.NewAccessToken;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import io.postroom.rest.Answers;
import io.postroom.rest.ConsumersAnswer;
import io.postroom.rest.ImportRequest;
import io.postroom.rest.MessageAnswer;
import io.postroom.rest.MessageRequest;
import io.postroom.rest.Problem;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Asks a database, by the API of Java. The engine is prepared at the first question and never started. */
final class DatabaseBackend implements Backend {
    private static final JsonMapper JSON = CliJson.MAPPER;
    private static final int CONNECTIONS = 2;
    /** A command must not wait for ever behind a lock, nor make others wait behind it. */
    private static final String LIMITS =
            "SELECT set_config('statement_timeout', '30s', false), set_config('lock_timeout', '5s', false)";
    /** The sign of a pooler, see docs/operations.md: settings would stay with whoever gets the session next. */
    private static final String SHARED_SESSIONS = "(?i).*[?&]prepareThreshold=0.*";

    /** A password among the parameters, or a user in front of the host, which the driver would take for the host. */
    private static final String WITH_PASSWORD = "(?is).*[?&](ssl)?password(=.*|&.*|)|[^?]*@.*";

    private static final String SHAPE = "--db must be such as jdbc:postgresql://db.example:5432/app";

    private final String url;
    private final Properties properties;
    private final HikariDataSource pool;
    private @Nullable Postroom postroom;

    private DatabaseBackend(String url, Properties properties, HikariDataSource pool) {
        this.url = url;
        this.properties = properties;
        this.pool = pool;
    }

    /**
     * Connects.
     *
     * @param url as in {@code jdbc:postgresql://db.example/app}
     * @param user null: the driver finds one (PGUSER of the URL, or the system's user)
     * @param password null: the driver looks into {@code ~/.pgpass}
     */
    static DatabaseBackend open(String url, @Nullable String user, @Nullable String password) {
        if (!url.startsWith("jdbc:postgresql:")) {
            throw CliException.usage(SHAPE);
        } else if (url.matches(WITH_PASSWORD)) {
            throw CliException.usage(
                    "--db must have no password, which others could see: use PGPASSWORD, --db-password-file"
                            + " or ~/.pgpass, and --db-user for the user");
        }
        Properties properties = new Properties();
        properties.setProperty("ApplicationName", "postroom-cli");
        properties.setProperty("connectTimeout", "5");
        properties.setProperty("socketTimeout", "90");
        if (user != null) {
            properties.setProperty("user", user);
        }
        if (password != null) {
            properties.setProperty("password", password);
        }
        try (Connection tried = DriverManager.getConnection(url, properties)) {
            tried.getMetaData();
        } catch (SQLException away) {
            String state = String.valueOf(away.getSQLState());
            String why = String.valueOf(away.getMessage());
            if (why.contains(url)) {
                throw CliException.usage(SHAPE); // the driver repeats what it cannot read, which may hold a password
            }
            String sentence = "The database cannot be used: " + why;
            // the classes of a wrong login and of a wrong database: a repeat does not help
            throw state.startsWith("28") || state.startsWith("3D")
                    ? CliException.refused(sentence)
                    : CliException.unreachable(sentence);
        }
        return new DatabaseBackend(url, properties, pool(url, properties));
    }

    private static HikariDataSource pool(String url, Properties properties) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setDataSourceProperties(properties);
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(Duration.ofSeconds(10).toMillis());
        config.setInitializationFailTimeout(-1);
        config.setPoolName("postroom-cli");
        if (!url.matches(SHARED_SESSIONS)) {
            config.setConnectionInitSql(LIMITS);
        }
        return new HikariDataSource(config);
    }

    /** Connections without a pool, for what needs several and rarely: the migrations. */
    private DriverManagerDataSource unpooled() {
        return new DriverManagerDataSource(url, properties);
    }

    private Postroom postroom() {
        if (postroom == null) {
            EngineSettings settings = new EngineSettings(
                    "postroom-cli:" + ProcessHandle.current().pid(),
                    EngineSettings.DEFAULT_LEASE_TIME,
                    EngineSettings.DEFAULT_BEAT_INTERVAL,
                    EngineSettings.DEFAULT_POLL_INTERVAL,
                    false,
                    true);
            postroom = Postroom.on(unpooled())
                    .engineDataSource(pool)
                    .schema(SchemaMode.NONE)
                    .workers(false)
                    .settings(settings)
                    .prepare();
        }
        return postroom;
    }

    @Override
    public JsonNode queues() {
        return json(Answers.queues(postroom().queues().stats()));
    }

    @Override
    public JsonNode unpark(String destination, Optional<Reason> reason) {
        Limiters limiters = postroom().limiters();
        return json(Map.of(
                "unparked",
                reason.map(why -> limiters.unpark(destination, why)).orElseGet(() -> limiters.unpark(destination))));
    }

    @Override
    public JsonNode limiters() {
        return json(Answers.limiters(postroom().limiters().list()));
    }

    @Override
    public SettingsVerbs settings() {
        return new DatabaseSettings(postroom());
    }

    @Override
    public JsonNode pause(String queue, boolean paused, Optional<Reason> reason) {
        Queues queues = postroom().queues();
        if (paused) {
            reason.ifPresentOrElse(why -> queues.pause(queue, why), () -> queues.pause(queue));
        } else {
            reason.ifPresentOrElse(why -> queues.resume(queue, why), () -> queues.resume(queue));
        }
        return json(Map.of(paused ? "paused" : "resumed", queue));
    }

    @Override
    public JsonNode consumers(String queue) {
        return JSON.readTree(ConsumersAnswer.list(queue, postroom().consumers().list(queue)));
    }

    @Override
    public JsonNode stopConsumers(String queue, String howMany, Duration deadline, Optional<Reason> reason) {
        Consumers consumers = postroom().consumers();
        Receipts receipts;
        if (howMany.equals("all")) {
            receipts = reason.map(why -> consumers.stopAll(queue, deadline, why))
                    .orElseGet(() -> consumers.stopAll(queue, deadline));
        } else {
            int most = Integer.parseInt(howMany);
            receipts = reason.map(why -> consumers.stop(queue, most, deadline, why))
                    .orElseGet(() -> consumers.stop(queue, most, deadline));
        }
        return JSON.readTree(ConsumersAnswer.receipts(queue, receipts));
    }

    @Override
    public JsonNode startConsumers(String queue, Optional<Reason> reason) {
        Consumers consumers = postroom().consumers();
        int started = reason.map(why -> consumers.start(queue, why)).orElseGet(() -> consumers.start(queue));
        return JSON.readTree(ConsumersAnswer.started(queue, started));
    }

    @Override
    public JsonNode messages(MessageFilter filter) {
        return json(Answers.messages(postroom().queueMessages().findWithoutPayloads(filter)));
    }

    @Override
    public JsonNode message(UUID id) {
        Message message = known(id);
        return JSON.readTree(
                MessageAnswer.found(message, postroom().queueMessages().history(id)));
    }

    @Override
    public JsonNode explain(UUID id) {
        known(id);
        return JSON.readTree(
                MessageAnswer.explained(id, postroom().queueMessages().explain(id)));
    }

    private Message known(UUID id) {
        return postroom()
                .queueMessages()
                .find(id)
                .orElseThrow(() -> CliException.refused(
                        Problem.unknownMessage(id.toString()).detail()));
    }

    @Override
    public JsonNode create(String request) {
        CreateMessage message = MessageRequest.read(request, null);
        Created created = postroom().queueMessages().createMessage(message);
        postroom().queueMessages().wakeUp(created.queues().toArray(String[]::new));
        return JSON.readTree(MessageAnswer.created(created, message.exchange().isPresent()));
    }

    @Override
    public JsonNode redrive(UUID id, Optional<Reason> reason) {
        QueueMessages messages = postroom().queueMessages();
        int redriven = reason.map(why -> messages.redrive(id, why)).orElseGet(() -> messages.redrive(id));
        return json(Map.of("redriven", redriven));
    }

    @Override
    public JsonNode discard(UUID id, Optional<String> queue, Reason reason) {
        int discarded = queue.isPresent()
                ? postroom().deadLetters().discard(id, queue.get(), reason)
                : postroom().deadLetters().discard(id, reason);
        return json(Map.of("discarded", discarded));
    }

    @Override
    public JsonNode preview(String filter) {
        return json(Answers.preview(postroom().deadLetters().preview(DeadLetterFilter.json(filter))));
    }

    @Override
    public JsonNode redrive(String filter, BulkSettings settings) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .redrive(DeadLetterFilter.json(filter), settings)
                .status()));
    }

    @Override
    public JsonNode discard(String filter, BulkSettings settings) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .discard(DeadLetterFilter.json(filter), settings)
                .status()));
    }

    @Override
    public JsonNode operations(int limit) {
        return json(Answers.operations(postroom().deadLetters().operations(limit)));
    }

    @Override
    public JsonNode operation(UUID id) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .operation(id)
                .orElseThrow(() -> CliException.refused(
                        Problem.unknownOperation(id.toString()).detail()))));
    }

    @Override
    public JsonNode stopOperation(UUID id, Reason reason) {
        return json(Map.of("stopped", postroom().deadLetters().stop(id, reason)));
    }

    @Override
    public JsonNode checkLedger(Optional<LedgerEnd> known) {
        io.postroom.api.Ledger ledger = postroom().ledger();
        return json(Answers.ledgerCheck(
                known.map(end -> ledger.check(end.number(), end.hash())).orElseGet(ledger::check)));
    }

    @Override
    public JsonNode ledger(LedgerFilter filter) {
        return json(Answers.ledger(postroom().ledger().lines(filter)));
    }

    @Override
    public JsonNode createToken(NewAccessToken token, Optional<Reason> reason) {
        AccessTokens tokens = postroom().accessTokens();
        return json(Answers.token(
                token.name(), reason.map(why -> tokens.create(token, why)).orElseGet(() -> tokens.create(token))));
    }

    @Override
    public JsonNode tokens(String after, int limit) {
        return json(Answers.tokens(postroom().accessTokens().list(after, limit)));
    }

    @Override
    public JsonNode revokeToken(String name, Optional<Reason> reason) {
        AccessTokens tokens = postroom().accessTokens();
        boolean revoked = reason.map(why -> tokens.revoke(name, why)).orElseGet(() -> tokens.revoke(name));
        return json(Map.of("name", name, "revoked", revoked));
    }

    @Override
    public JsonNode database(Duration olderThan) {
        return json(Answers.database(postroom().database().health(olderThan)));
    }

    @Override
    public JsonNode migrate() {
        SchemaMode.MIGRATE.prepare(unpooled());
        return json(Map.of("migrated", true));
    }

    @Override
    public JsonNode importDefinitions(
            String file, Definitions definitions, boolean dryRun, List<String> renames, Optional<Reason> reason) {
        ImportOptions options = ImportRequest.options(dryRun, definitions.virtualHost(), renames, reason);
        return json(Answers.report(
                definitions.rabbitMq()
                        ? postroom().definitions().importRabbitMq(file, options)
                        : postroom().definitions().importFile(file, options)));
    }

    @Override
    public String exportDefinitions(Definitions definitions) {
        return (definitions.rabbitMq()
                        ? postroom()
                                .definitions()
                                .exportRabbitMq(definitions.virtualHost().orElse("/"))
                        : postroom().definitions().exportFile())
                + "\n";
    }

    static JsonNode json(Map<String, Object> members) {
        return JSON.valueToTree(members);
    }

    @Override
    public void close() {
        if (postroom != null) {
            postroom.close();
        }
        pool.close();
    }
}
