package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Definitions;
import io.postroom.api.Exchange;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Definitions files in Postroom's own format. */
@PostgresTest
class PostroomDefinitionsTest {
    private final JdbcClient sql;
    private final Postroom postroom;
    private final Definitions definitions;

    private final TestDatabase database;

    PostroomDefinitionsTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool()).workers(false).start();
        definitions = postroom.definitions();
    }

    @BeforeEach
    void removeAll() {
        for (String table : List.of("ready", "message", "binding", "exchange", "limiter", "queue")) {
            sql.sql("DELETE FROM postroom." + table).update();
        }
    }

    @AfterEach
    void close() {
        removeAll();
        postroom.close();
    }

    @Test
    void what_is_exported_is_imported_as_it_was_and_works() {
        declareShop();
        String file = definitions.exportFile();
        removeAll();

        ImportReport report = definitions.importFile(file, ImportOptions.defaults());

        assertThat(report.lines())
                .hasSize(3 + 3 + 3)
                .allSatisfy(line -> assertThat(line.result()).isEqualTo(ImportReport.Result.TAKEN_OVER));
        assertThat(report.lines())
                .extracting(ImportReport.Line::definition)
                .contains("queue mail", "exchange orders", "binding orders to exchange all [*]");
        assertThat(definitions.exportFile()).isEqualTo(file);
        assertThat(postroom.queueMessages()
                        .createMessage(CreateMessage.via("orders", "order.paid").payload(1))
                        .queues())
                .containsExactly("mail");
        assertThat(definitions.importFile(file, ImportOptions.defaults()).lines())
                .as("again")
                .isEqualTo(report.lines());
    }

    @Test
    void file_shows_every_setting() {
        declareShop();
        assertThat(definitions.exportFile())
                .contains("\"postroomDefinitions\" : 1", "\"kind\" : \"auto_delete\"", "\"attempts\" : 7")
                .contains("\"retryAfter\" : \"1s, 5s\"", "\"timeToLive\" : \"1m\"", "\"retention\" : \"1h\"")
                .contains("\"crashLimit\" : 2", "\"deadLetterExchange\" : \"all\"", "\"deadLetterRoutingKey\" : \"k\"")
                .contains("\"ordered\" : true", "\"onDeadLetter\" : \"block\"", "\"maxLength\" : 5")
                .contains("\"overflow\" : \"reject\"", "\"singleActiveConsumer\" : true", "\"expiresAfter\" : \"3m\"")
                .contains("\"alternate\" : \"all\"", "\"toExchange\" : \"all\"", "\"vip\" : null");
    }

    /** A change of {@code ordered} needs a lock that is tried for a moment only. Each try makes the new queue anew. */
    @Test
    void import_that_changes_ordered_is_tried_again_while_another_transaction_uses_queues() throws Exception {
        postroom.queues().declare(QueueSettings.of("orders"));
        postroom.queues().declare(QueueSettings.of("mail"));
        String file = """
                {"postroomDefinitions": 1, "queues": [{"queue": "orders", "ordered": true}, {"queue": "new"}]}""";
        ExecutorService other = Executors.newSingleThreadExecutor();
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            postroom.queueMessages().createMessage(CreateMessage.to("mail").payload(1), open);
            long before = queueIds();

            Future<ImportReport> importing = other.submit(() -> definitions.importFile(file, ImportOptions.defaults()));
            Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> queueIds() >= before + 2);
            open.commit();

            assertThat(importing.get(30, TimeUnit.SECONDS).lines())
                    .hasSize(2)
                    .allSatisfy(line -> assertThat(line.result()).isEqualTo(ImportReport.Result.TAKEN_OVER));
            assertThat(sql.sql("SELECT name FROM postroom.queue WHERE ordered ORDER BY name")
                            .query(String.class)
                            .list())
                    .containsExactly("orders");
        } finally {
            other.shutdownNow();
        }
    }

    private long queueIds() {
        return sql.sql("SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('postroom.queue', 'id')), 0)")
                .query(Long.class)
                .single();
    }

    @Test
    void queues_that_exist_follow_the_file_unless_an_operator_set_them() {
        postroom.queues().declare(QueueSettings.of("mail").attempts(3).timeToLive(Duration.ofDays(1)));
        postroom.queues().declare(QueueSettings.of("kept").attempts(3));
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator' WHERE name = 'kept'")
                .update();
        String file = """
                {"postroomDefinitions": 1, "queues": [
                    {"queue": "mail", "attempts": 9, "maxLength": 0}, {"queue": "kept", "attempts": 9}]}""";

        ImportReport dry = definitions.importFile(file, ImportOptions.defaults().asDryRun());
        assertThat(attempts("mail")).isEqualTo(3);

        ImportReport report = definitions.importFile(file, ImportOptions.defaults());

        assertThat(report.lines()).isEqualTo(dry.lines());
        assertThat(report.lines().get(0).result()).isEqualTo(ImportReport.Result.TAKEN_OVER);
        assertThat(report.lines().get(1).toString())
                .isEqualTo("DIFFERS queue kept: attempts stays 3: an operator has set it");
        assertThat(attempts("mail")).isEqualTo(9);
        assertThat(attempts("kept")).isEqualTo(3);
        assertThat(definitions.exportFile())
                .as("what the file does not name stays")
                .contains("\"timeToLive\" : \"1d\"");
    }

    @Test
    void deleted_queue_comes_back_as_a_new_one() {
        postroom.queues()
                .declare(QueueSettings.of("mail")
                        .attempts(3)
                        .retryAfter("9s")
                        .crashLimit(9)
                        .timeToLive(Duration.ofDays(1))
                        .retention(Duration.ofDays(1))
                        .deadLetterExchange("all", "k")
                        .ordered(true)
                        .onDeadLetter(OnDeadLetter.BLOCK));
        postroom.queues()
                .declare(QueueSettings.of("rabbit")
                        .kind(QueueKind.AUTO_DELETE)
                        .maxLength(5, Overflow.REJECT)
                        .singleActiveConsumer(true)
                        .expiresAfter(Duration.ofMinutes(3)));
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator'").update();
        for (String queue : List.of("mail", "rabbit")) {
            postroom.queues().delete(queue, false, false);
        }
        String file = "{\"postroomDefinitions\": 1, \"queues\": [{\"queue\": \"mail\", \"attempts\": 9}]}";

        assertThat(definitions.importFile(file, ImportOptions.defaults()).lines(ImportReport.Result.DIFFERS))
                .isEmpty();
        definitions.importRabbitMq("{\"queues\": [{\"name\": \"rabbit\"}]}", ImportOptions.defaults());

        postroom.queues().declare(QueueSettings.of("new.mail").attempts(9));
        postroom.queues().declare(QueueSettings.of("new.rabbit"));
        for (String queue : List.of("mail", "rabbit")) {
            assertThat(settings(queue)).isEqualTo(settings("new." + queue));
        }
    }

    private Map<String, Object> settings(String queue) {
        Map<String, Object> row = sql.sql("SELECT * FROM postroom.queue WHERE name = ?")
                .param(queue)
                .query()
                .singleRow();
        row.keySet().removeAll(Set.of("id", "name", "created_at", "used_at"));
        return row;
    }

    @Test
    void names_are_changed_wherever_they_stand() {
        declareShop();
        String file = definitions.exportFile();
        removeAll();
        definitions.importFile(
                file,
                ImportOptions.defaults()
                        .rename("mail", "mail.x")
                        .rename("orders", "orders.x")
                        .rename("all", "all.x"));
        assertThat(definitions.exportFile())
                .isEqualTo(file.replace("\"mail\"", "\"mail.x\"")
                        .replace("\"orders\"", "\"orders.x\"")
                        .replace("\"all\"", "\"all.x\""));
    }

    @Test
    void rename_that_names_nothing_of_the_file_is_refused() {
        String file = """
                {"postroomDefinitions": 1, "queues": [{"queue": "mail", "deadLetterExchange": "old"}]}""";
        for (ImportOptions options :
                List.of(ImportOptions.defaults(), ImportOptions.defaults().asDryRun())) {
            assertThatThrownBy(() -> definitions.importFile(
                            file, options.rename("old", "old.x").rename("mial", "mail.x")))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessage("rename must be of names that the file has, got \"mial\"");
        }
        assertThat(postroom.queues().stats()).isEmpty();
    }

    private static final String LIMITED = """
            {"postroomDefinitions": 1,
             "queues": [{"queue": "calls", "fair": true, "destination": "bank", "groupWeights": {"acme": 3, "b.c": 1}}],
             "limiters": [
                {"queue": "calls", "maxStarts": 5, "period": "1s", "maxInProgressPerGroup": 2},
                {"destination": "bank", "maxStarts": 9, "period": "1h", "window": "fixed", "maxInProgress": 4}]}""";

    @Test
    void limiters_destinations_and_weights_of_groups_are_exported_and_imported() {
        ImportReport dry =
                definitions.importFile(LIMITED, ImportOptions.defaults().asDryRun());
        assertThat(postroom.limiters().list()).isEmpty();

        ImportReport report = definitions.importFile(LIMITED, ImportOptions.defaults());

        assertThat(report.lines())
                .isEqualTo(dry.lines())
                .extracting(ImportReport.Line::toString)
                .containsExactly(
                        "TAKEN_OVER queue calls",
                        "TAKEN_OVER limiter of queue calls",
                        "TAKEN_OVER limiter of destination bank");
        assertThat(postroom.limiters().list())
                .extracting(LimiterState::limiter)
                .containsExactly(
                        Limiter.ofQueue("calls")
                                .maxStarts(5, Duration.ofSeconds(1))
                                .maxInProgressPerGroup(2),
                        Limiter.ofDestination("bank")
                                .maxStarts(9, Duration.ofHours(1))
                                .window(Limiter.Window.FIXED)
                                .maxInProgress(4));
        assertThat(sql.sql("SELECT destination || has_limiter || group_weights FROM postroom.queue")
                        .query(String.class)
                        .list())
                .containsExactly("banktrue{\"acme\": 3}");
        String file = definitions.exportFile();
        removeAll();
        definitions.importFile(file, ImportOptions.defaults().rename("calls", "calls.x"));
        assertThat(definitions.exportFile()).isEqualTo(file.replace("\"calls\"", "\"calls.x\""));
    }

    @Test
    void limiter_that_an_operator_set_stays() {
        postroom.queues().declare(QueueSettings.of("calls").fair(true));
        postroom.limiters().set(Limiter.ofQueue("calls").maxInProgress(7));
        ImportReport dry =
                definitions.importFile(LIMITED, ImportOptions.defaults().asDryRun());
        ImportReport report = definitions.importFile(LIMITED, ImportOptions.defaults());
        assertThat(report.lines()).isEqualTo(dry.lines());
        assertThat(report.lines(ImportReport.Result.DIFFERS))
                .extracting(ImportReport.Line::toString)
                .containsExactly(
                        "DIFFERS limiter of queue calls: maxInProgress stays 7, maxInProgressPerGroup stays not set,"
                                + " maxStarts stays not set, period stays not set: an operator has set it");
        assertThat(postroom.limiters().list().get(0).limiter())
                .isEqualTo(Limiter.ofQueue("calls").maxInProgress(7));
    }

    @Test
    void destination_of_a_queue_whose_settings_are_an_operators_stays() {
        postroom.queues().declare(QueueSettings.of("calls").fair(true));
        postroom.limiters().setDestination("calls", Optional.of("post"));
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator'").update();
        assertThat(definitions.importFile(LIMITED, ImportOptions.defaults()).lines(ImportReport.Result.DIFFERS))
                .extracting(ImportReport.Line::toString)
                .containsExactly("DIFFERS queue calls: destination stays post: an operator has set it");
    }

    @Test
    void limits_of_a_deleted_queue_do_not_come_back_with_a_file() {
        definitions.importFile(LIMITED, ImportOptions.defaults());
        postroom.queues().delete("calls", false, false);
        definitions.importFile(
                "{\"postroomDefinitions\": 1, \"queues\": [{\"queue\": \"calls\"}]}", ImportOptions.defaults());
        assertThat(postroom.limiters().list())
                .extracting(state -> state.limiter().destination())
                .containsExactly(Optional.of("bank"));
        assertThat(sql.sql("SELECT destination IS NULL AND NOT has_limiter FROM postroom.queue")
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    /** An import locks limiters before queues, as whoever sets a limiter does. */
    @Test
    void import_waits_for_whoever_sets_a_limiter_before_it_locks_a_queue() throws Exception {
        definitions.importFile(LIMITED, ImportOptions.defaults());
        ExecutorService other = Executors.newSingleThreadExecutor();
        try (Connection open = database.pool().getConnection()) {
            open.setAutoCommit(false);
            open.createStatement().execute("SELECT FROM postroom.limiter FOR UPDATE");
            Future<ImportReport> importing = other.submit(() -> definitions.importFile(
                    LIMITED.replace("\"fair\"", "\"attempts\": 4, \"fair\""), ImportOptions.defaults()));
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> sql.sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                                            + " (SELECT oid FROM pg_database WHERE datname = current_database())"
                                            + " OR NOT granted AND locktype = 'transactionid'")
                                    .query(Long.class)
                                    .single()
                            > 0);
            open.createStatement().execute("SELECT postroom.set_limiter('calls', max_in_progress => 1)");
            open.commit();
            assertThat(importing.get(30, TimeUnit.SECONDS).lines(ImportReport.Result.DIFFERS))
                    .hasSize(1);
        } finally {
            other.shutdownNow();
        }
    }

    @Test
    void refused_file_leaves_nothing_behind_also_in_a_dry_run() {
        postroom.exchanges().declare(Exchange.topic("orders"));
        String file = """
                {"postroomDefinitions": 1,
                 "queues": [{"queue": "new"}],
                 "exchanges": [{"exchange": "orders", "kind": "fanout"}]}""";
        for (ImportOptions options :
                List.of(ImportOptions.defaults(), ImportOptions.defaults().asDryRun())) {
            assertThatThrownBy(() -> definitions.importFile(file, options))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("topic");
        }
        assertThat(postroom.queues().stats("new")).isEmpty();
    }

    @Test
    void exclusive_queues_are_left_out_with_their_bindings() {
        postroom.exchanges().declare(Exchange.fanout("all"));
        postroom.queues().declare(QueueSettings.of("stays"));
        String own = postroom.queues().declareTemporary();
        postroom.exchanges().bind(Binding.from("all").to("stays"));
        postroom.exchanges().bind(Binding.from("all").to(own));

        assertThat(definitions.exportFile()).contains("stays").doesNotContain(own);
        assertThat(definitions.exportRabbitMq("/")).contains("stays").doesNotContain(own);
        assertThatThrownBy(() -> definitions.importFile(
                        "{\"postroomDefinitions\": 1, \"queues\": [{\"queue\": \"" + own + "\"}]}",
                        ImportOptions.defaults()))
                .isInstanceOf(ExclusiveQueueException.class)
                .hasMessageContaining("is exclusive to");
    }

    @Test
    void binding_to_an_exclusive_queue_is_refused() {
        postroom.exchanges().declare(Exchange.fanout("all"));
        String own = postroom.queues().declareTemporary();
        String file =
                "{\"postroomDefinitions\": 1, \"bindings\": [{\"exchange\": \"all\", \"queue\": \"" + own + "\"}]}";
        assertThatThrownBy(() -> definitions.importFile(file, ImportOptions.defaults()))
                .isInstanceOf(ExclusiveQueueException.class)
                .hasMessageContaining("is exclusive to");
        assertThat(postroom.exchanges().bindings("all")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "time_to_live = '1 year 1 month 9 days'|\"timeToLive\" : \"400d\"",
                "retention = '13 months 10 days'|\"retention\" : \"400d\"",
                "retention = '1013 years 320 days'|\"retention\" : \"365000d\"",
                "expires_after = '400 days 00:00'|\"expiresAfter\" : \"400d\"",
                "retry_after = ' 60S ,9600H '|\"retryAfter\" : \"1m, 400d\"",
                "max_length = 1000000000|\"maxLength\" : 1000000000",
                "time_to_live = '1.5 milliseconds'|\"timeToLive\" : \"1ms\"",
            })
    void settings_that_only_sql_can_make_are_exported_and_imported(String setting, String text) {
        postroom.queues().declare(QueueSettings.of("mail"));
        sql.sql("UPDATE postroom.queue SET " + setting + ", settings_by = 'operator'")
                .update();
        String file = definitions.exportFile();
        assertThat(file).contains(text);
        removeAll();
        definitions.importFile(file, ImportOptions.defaults());
        assertThat(definitions.exportFile()).isEqualTo(file);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"queues\": []}|file must be a JSON object with postroomDefinitions",
                "[]|file must be a JSON object",
                "{\"postroomDefinitions\": 1, |file must be JSON",
                "{\"postroomDefinitions\": 2}|postroomDefinitions must be a version up to 1, got \"2\"",
                "{\"postroomDefinitions\": 1} {}|file must be JSON",
            })
    void file_that_is_none_is_refused_with_its_place(String file, String text) {
        assertThatThrownBy(() -> definitions.importFile(file, ImportOptions.defaults()))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith(text);
        assertThat(postroom.queues().stats()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"queue\": []|file.queue must be left out",
                "\"queues\": {}|queues must be a list",
                "\"queues\": [7]|queues[0] must be an object",
                "\"queues\": [{}]|queues[0].queue must be a string, got \"nothing\"",
                "\"queues\": [{\"queue\": \"a b\"}]|queues[0].queue must be",
                "\"queues\": [{\"queue\": \"a\"}, {\"queue\": \"a\"}]|queues[1] must be the only one of its name",
                "\"queues\": [{\"queue\": \"a\", \"queue\": \"b\"}]|file must be JSON",
                "\"queues\": [{\"queue\": \"a\", \"attempts\": 0}]|queues[0].attempts must be 1 to 1000, got \"0\"",
                "\"queues\": [{\"queue\": \"a\", \"attempts\": \"7\"}]|queues[0].attempts must be a whole number",
                "\"queues\": [{\"queue\": \"a\", \"kind\": \"exclusive\"}]|queues[0].kind must be durable or auto_delete",
                "\"queues\": [{\"queue\": \"a\", \"ttl\": 1}]|queues[0].ttl must be left out",
                "\"exchanges\": [{\"exchange\": \"a\"}]|exchanges[0].kind must be a string",
                "\"exchanges\": [{\"exchange\": \"a\", \"kind\": \"x\"}]|exchanges[0].kind must be",
                "\"queues\": [{\"queue\": \"a\", \"attempts\": 1e99999}]|queues[0].attempts must be a whole number",
                "\"queues\": [{\"queue\": \"a\", \"timeToLive\": \"999999999d\"}]|queues[0].timeToLive must be",
                "\"queues\": [{\"queue\": \"a\", \"timeToLive\": \"PT999999999999H\"}]|queues[0].timeToLive must be",
                "\"queues\": [{\"queue\": \"a\", \"retryAfter\": \"\\u0000\"}]|queues[0].retryAfter must be",
                "\"queues\": [{\"queue\": \"a\", \"deadLetterExchange\": \"x\", \"deadLetterRoutingKey\": \"\\u0000\"}]|queues[0]",
                "\"queues\": [{\"queue\": \"a\", \"ordered\": true, \"maxLength\": 5}]|queues[0].maxLength must be",
                "\"exchanges\": [{\"exchange\": \"\", \"kind\": \"direct\"}]|exchanges[0].exchange must be",
                "\"bindings\": [{\"exchange\": \"a\", \"queue\": \"q\", \"routingKey\": \"\\u0000\"}]|bindings[0]",
                "\"bindings\": [{\"exchange\": \"a\", \"queue\": \"q\", \"arguments\": {\"b\": \"\\u0000\"}}]|bindings[0]",
                "\"bindings\": [{\"exchange\": \"a\", \"queue\": \"q\", \"arguments\": {\"b\": \"\\ud800\"}}]|bindings[0]",
                "\"bindings\": [{\"exchange\": \"a\"}]|bindings[0]",
                "\"limiters\": [{\"queue\": \"a\"}]|limiters[0].maxStarts must be",
                "\"limiters\": [{\"maxInProgress\": 1}]|limiters[0].queue must be given, or destination",
                "\"limiters\": [{\"queue\": \"a\", \"maxStarts\": 1}]|limiters[0].period must be given with maxStarts",
                "\"limiters\": [{\"queue\": \"a\", \"maxStarts\": 1, \"period\": \"1ms\"}]|limiters[0].period must be",
                "\"limiters\": [{\"queue\": \"a\", \"maxStarts\": 0, \"period\": \"1s\"}]|limiters[0].maxStarts must be",
                "\"limiters\": [{\"queue\": \"a\", \"most\": 1}]|limiters[0].most must be left out",
                "\"limiters\": [{\"queue\": \"a\", \"maxInProgress\": 1, \"window\": \"x\"}]|limiters[0].window must be",
                "\"limiters\": [{\"queue\": \"a\", \"maxInProgress\": 1}, {\"queue\": \"a\", \"maxInProgress\": 2}]|limiters[1] must",
                "\"queues\": [{\"queue\": \"a\", \"destination\": \"b c\"}]|queues[0].destination must be",
                "\"queues\": [{\"queue\": \"a\", \"groupWeights\": {\"b\": 101}}]|queues[0].groupWeights must be whole numbers of 1 to 100",
                "\"queues\": [{\"queue\": \"a\", \"groupWeights\": {\"\\u0000\": 2}}]|queues[0].groupWeights must be no control",
                "\"queues\": [{\"queue\": \"a\", \"groupWeights\": {\"b\": 2}}]|queue must be the name of a fair queue",
                "\"bindings\": [{\"exchange\": \"a\", \"queue\": \"q\", \"arguments\": {\"b\": 1}}]|bindings[0].arguments must be an",
            })
    void member_that_is_not_what_it_must_be_is_refused_with_its_place(String members, String text) {
        file_that_is_none_is_refused_with_its_place("{\"postroomDefinitions\": 1, " + members + "}", text);
    }

    @Test
    void binding_to_a_queue_that_is_missing_and_a_virtual_host_are_refused() {
        String file = """
                {"postroomDefinitions": 1,
                 "exchanges": [{"exchange": "all", "kind": "fanout"}],
                 "bindings": [{"exchange": "all", "queue": "missing"}]}""";
        assertThatThrownBy(() -> definitions.importFile(file, ImportOptions.defaults()))
                .isInstanceOf(QueueNotFoundException.class)
                .hasMessageContaining("missing");
        assertThat(postroom.exchanges().list()).isEmpty();
        assertThatThrownBy(() ->
                        definitions.importFile(file, ImportOptions.defaults().virtualHost("shop")))
                .hasMessageContaining("virtualHost must be left out");
    }

    private void declareShop() {
        postroom.queues()
                .declare(QueueSettings.of("mail")
                        .attempts(7)
                        .retryAfter("1s, 5s")
                        .timeToLive(Duration.ofMinutes(1))
                        .retention(Duration.ofHours(1))
                        .crashLimit(2)
                        .deadLetterExchange("all", "k")
                        .ordered(true)
                        .onDeadLetter(OnDeadLetter.BLOCK));
        postroom.queues()
                .declare(QueueSettings.of("short")
                        .maxLength(5, Overflow.REJECT)
                        .singleActiveConsumer(true)
                        .expiresAfter(Duration.ofMinutes(3)));
        postroom.queues().declare(QueueSettings.of("passing").kind(QueueKind.AUTO_DELETE));
        postroom.exchanges().declare(Exchange.fanout("all"));
        postroom.exchanges().declare(Exchange.topic("orders").alternate("all"));
        postroom.exchanges().declare(Exchange.headers("papers"));
        postroom.exchanges().bind(Binding.from("orders").key("order.#").to("mail"));
        postroom.exchanges().bind(Binding.from("orders").key("*").toExchange("all"));
        postroom.exchanges()
                .bind(Binding.from("papers")
                        .argument("kind", "x")
                        .anyValue("vip")
                        .to("short"));
    }

    private int attempts(String queue) {
        return sql.sql("SELECT max_attempts FROM postroom.queue WHERE name = ?")
                .param(queue)
                .query(Integer.class)
                .single();
    }
}
