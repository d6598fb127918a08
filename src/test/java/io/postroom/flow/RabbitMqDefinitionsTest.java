package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Definitions;
import io.postroom.api.Exchange;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Definitions files of RabbitMQ: {@code definitions.json} is the export of a real broker, version 3.10.8. */
@PostgresTest
class RabbitMqDefinitionsTest {
    private final JdbcClient sql;
    private final Postroom postroom;
    private final Definitions definitions;

    RabbitMqDefinitionsTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool()).workers(false).start();
        definitions = postroom.definitions();
    }

    @BeforeEach
    void removeAll() {
        for (String table : List.of("ready", "message", "binding", "exchange", "queue")) {
            sql.sql("DELETE FROM postroom." + table).update();
        }
    }

    @AfterEach
    void close() {
        removeAll();
        postroom.close();
    }

    @Test
    void export_of_a_real_broker_becomes_queues_exchanges_and_bindings() throws IOException {
        ImportReport report = definitions.importRabbitMq(file(), ImportOptions.defaults());
        assertThat(postroom.exchanges().list())
                .contains(Exchange.topic("orders").alternate("unrouted"), Exchange.headers("documents"))
                .contains(Exchange.fanout("broadcast").alternate("unrouted")) // by a policy
                .hasSize(7);
        assertThat(sql.sql("SELECT extract(epoch FROM time_to_live) FROM postroom.queue WHERE name = 'orders.paid'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(60);
        assertThat(sql.sql(
                                "SELECT name || ' ' || kind || ' ' || coalesce(dead_letter_exchange || '/' || dead_letter_routing_key, '')"
                                        + " FROM postroom.queue WHERE name IN ('orders.paid', 'session.cache') ORDER BY name")
                        .query(String.class)
                        .list())
                .containsExactly("orders.paid durable dead/orders.paid", "session.cache auto_delete ");
        assertThat(sql.sql("SELECT dead_letter_exchange FROM postroom.queue WHERE name = 'orders.bulk'")
                        .query(String.class)
                        .single())
                .as("by a policy")
                .isEqualTo("dead");
        assertThat(queuesOf(CreateMessage.via("orders", "order.paid"))).containsExactly("orders.ledger", "orders.paid");
        assertThat(queuesOf(CreateMessage.via("documents", "")
                        .header("format", "pdf")
                        .header("pages", "1")))
                .containsExactly("pdf.render");
        assertThat(report.lines())
                .extracting(ImportReport.Line::toString)
                .contains(
                        "TAKEN_OVER queue audit.all",
                        "TAKEN_OVER exchange orders",
                        "DIFFERS queue orders.bulk: the bytes in it are not limited",
                        "TAKEN_OVER queue orders.export",
                        "TAKEN_OVER queue unrouted.all",
                        "DIFFERS queue session.cache: it is durable here",
                        "DIFFERS queue orders.ledger: it is replicated as PostgreSQL is, not by a quorum of its own",
                        "DIFFERS binding documents to queue pdf.render []: its argument pages is compared as the text 1",
                        "REFUSED binding audit.internal to queue audit.all []:"
                                + " exchange audit.internal was not taken over, or is not in the file",
                        "REFUSED binding orders to exchange audit.internal [#]:"
                                + " exchange audit.internal was not taken over, or is not in the file",
                        "REFUSED 1 users: rights are those of PostgreSQL's roles");
        assertThat(sql.sql("""
                        SELECT concat_ws(' ', name, max_length, overflow, single_active_consumer, expires_after) FROM postroom.queue
                        WHERE name IN ('orders.bulk', 'orders.export', 'unrouted.all') ORDER BY name""").query(String.class).list())
                .containsExactly(
                        "orders.bulk 10000 reject f", "orders.export drop_head t", "unrouted.all drop_head f 24:00:00");
        assertThat(report.lines(ImportReport.Result.REFUSED)).hasSize(4); // two bindings, users, permissions

        ImportReport again = definitions.importRabbitMq(file(), ImportOptions.defaults());
        assertThat(again).as("a repeat changes nothing").isEqualTo(report);
    }

    @Test
    void dry_run_reports_the_same_and_declares_nothing() throws IOException {
        ImportReport dry =
                definitions.importRabbitMq(file(), ImportOptions.defaults().asDryRun());
        assertThat(number("SELECT count(*) FROM postroom.queue")).isZero();
        assertThat(number("SELECT count(*) FROM postroom.exchange")).isZero();
        assertThat(dry.lines())
                .isEqualTo(definitions
                        .importRabbitMq(file(), ImportOptions.defaults())
                        .lines());
    }

    @Test
    void names_that_cannot_be_ours_are_refused_with_their_bindings_or_renamed() {
        String file = """
                {"queues": [{"name": "my queue", "vhost": "/", "durable": true, "arguments": {}}],
                 "exchanges": [{"name": "x", "vhost": "/", "type": "direct", "durable": true, "arguments": {}}],
                 "bindings": [{"source": "x", "vhost": "/", "destination": "my queue", "destination_type": "queue",
                               "routing_key": "k", "arguments": {}},
                              {"source": "amq.topic", "vhost": "/", "destination": "my queue", "destination_type": "queue",
                               "routing_key": "#", "arguments": {"z": 1}}]}
                """;
        assertThat(definitions.importRabbitMq(file, ImportOptions.defaults()).lines(ImportReport.Result.REFUSED))
                .extracting(ImportReport.Line::definition)
                .containsExactly(
                        "queue my queue", "binding x to queue my queue [k]", "binding amq.topic to queue my queue [#]");
        assertThatThrownBy(() -> definitions.importRabbitMq(
                        file, ImportOptions.defaults().rename("our queue", "our.queue")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("rename must be");
        ImportReport renamed =
                definitions.importRabbitMq(file, ImportOptions.defaults().rename("my queue", "my.queue"));
        assertThat(renamed.lines(ImportReport.Result.REFUSED)).isEmpty();
        assertThat(queuesOf(CreateMessage.via("x", "k"))).containsExactly("my.queue");
        assertThat(queuesOf(CreateMessage.via("amq.topic", "anything"))).containsExactly("my.queue");
    }

    @Test
    void what_has_no_counterpart_is_named() {
        ImportReport report = definitions.importRabbitMq("""
                {"queues": [{"name": "s", "type": "stream", "arguments": {}},
                            {"name": "zero", "arguments": {"x-message-ttl": 0}},
                            {"name": "long", "arguments": {"x-message-ttl": 315360000000}},
                            {"name": "odd", "arguments": {"x-message-ttl": "60s", "foo": 1}},
                            {"name": "none", "arguments": {"x-max-length": 0, "x-expires": 0}},
                            {"name": "most", "arguments": {"x-max-length": 1000000001, "x-expires": 315360000000}},
                            {"name": "words", "arguments": {"x-max-length": "5", "x-expires": "1d", "x-single-active-consumer": 1}},
                            {"name": "other", "arguments": {"x-max-length": 5, "x-overflow": "drop", "x-max-priority": 3}}],
                 "exchanges": [{"name": "h", "type": "x-consistent-hash", "arguments": {}},
                               {"name": "i", "type": "fanout", "internal": true, "durable": false, "arguments": {}}],
                 "policies": [{"name": "bad", "pattern": "(", "definition": {}}]}
                """, ImportOptions.defaults());
        assertThat(report.lines())
                .extracting(ImportReport.Line::toString)
                .containsExactly(
                        "REFUSED policy bad: its pattern cannot be read: (",
                        "REFUSED exchange h: its type x-consistent-hash has no counterpart",
                        "DIFFERS exchange i: it is durable here",
                        "DIFFERS exchange i: messages can be created through it, too",
                        "REFUSED queue s: a stream has no counterpart: a message leaves its queue when it is handled",
                        "DIFFERS queue zero: its message-ttl of 0 is left out, so nothing expires: the shortest one here is 1 ms",
                        "DIFFERS queue long: its time to live is 400 days, the longest here",
                        "DIFFERS queue odd: its message-ttl must be a whole number of milliseconds and is left out: \"60s\"",
                        "DIFFERS queue odd: its argument foo is not known and left out",
                        "DIFFERS queue none: its max-length of 0 is left out, so its length is not limited: the smallest limit here is 1",
                        "DIFFERS queue none: its expires must be a whole number of milliseconds above 0 and is left out: 0",
                        "DIFFERS queue most: its max-length is left out: the largest limit here is 1000000000",
                        "DIFFERS queue most: it is deleted when it was not used for 400 days, the longest here",
                        "DIFFERS queue words: its max-length must be a whole number of messages and is left out: \"5\"",
                        "DIFFERS queue words: its expires must be a whole number of milliseconds above 0 and is left out: \"1d\"",
                        "DIFFERS queue words: its single-active-consumer must be true or false and is left out: 1",
                        "DIFFERS queue other: its overflow is not drop-head, reject-publish or reject-publish-dlx,"
                                + " so its head is dropped: \"drop\"",
                        "DIFFERS queue other: above its maximum length the lowest priority is dropped first");
    }

    @Test
    void limits_of_a_policy_count_where_they_are_lower_than_those_of_the_queue() {
        ImportReport report = definitions.importRabbitMq("""
                {"queues": [{"name": "narrow", "arguments": {"x-max-length": 5, "x-expires": 90000}},
                            {"name": "wide", "arguments": {"x-max-length": 50}}, {"name": "open", "arguments": {}}],
                 "policies": [{"name": "p", "pattern": ".", "apply-to": "queues",
                               "definition": {"max-length": 10, "overflow": "reject-publish-dlx", "expires": 60000}}]}
                """, ImportOptions.defaults());
        assertThat(report.lines())
                .extracting(ImportReport.Line::toString)
                .containsExactly("TAKEN_OVER queue narrow", "TAKEN_OVER queue wide", "TAKEN_OVER queue open");
        assertThat(sql.sql(
                                "SELECT concat_ws(' ', name, max_length, overflow, expires_after) FROM postroom.queue ORDER BY name")
                        .query(String.class)
                        .list())
                .containsExactly(
                        "narrow 5 reject_to_dead_letter_exchange 00:01:00",
                        "open 10 reject_to_dead_letter_exchange 00:01:00",
                        "wide 10 reject_to_dead_letter_exchange 00:01:00");
    }

    @Test
    void file_that_cannot_be_declared_leaves_nothing_behind() throws IOException {
        postroom.exchanges().declare(Exchange.direct("orders")); // a topic exchange in the file
        assertThatThrownBy(() -> definitions.importRabbitMq(file(), ImportOptions.defaults()))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("kind must be direct");
        assertThat(number("SELECT count(*) FROM postroom.queue")).isZero();
        assertThat(postroom.exchanges().list()).containsExactly(Exchange.direct("orders"));
    }

    @Test
    void virtual_host_is_named_when_there_are_several() {
        String file = """
                {"queues": [{"name": "a", "vhost": "one", "arguments": {}}, {"name": "b", "vhost": "two", "arguments": {}}]}
                """;
        assertThatThrownBy(() -> definitions.importRabbitMq(file, ImportOptions.defaults()))
                .hasMessageStartingWith("virtualHost must be named, since the file has several: one, two");
        assertThatThrownBy(() -> definitions.importRabbitMq(
                        file, ImportOptions.defaults().virtualHost("three")))
                .hasMessageStartingWith("virtualHost must be one with definitions: one, two");
        definitions.importRabbitMq(file, ImportOptions.defaults().virtualHost("two"));
        assertThat(sql.sql("SELECT name FROM postroom.queue")
                        .query(String.class)
                        .list())
                .containsExactly("b");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{\"queues\": [                                    | file must be JSON",
                "[]                                                | file must be a JSON object with exchanges, queues or bindings",
                "{\"rabbit_version\": \"9\"}                       | file must be a JSON object with exchanges, queues or bindings",
                "{\"queues\": {}}                                  | queues must be a list, got \"{}\"",
                "{\"queues\": [1]}                                 | queues[0] must be an object, got \"1\"",
                "{\"queues\": [{\"name\": 5}]}                     | queues[0].name must be a string, got \"5\"",
                "{\"queues\": [{}]}                                | queues[0].name must be a string, got \"nothing\"",
                "{\"queues\": [{\"name\": \"a\", \"arguments\": 1}]} | queues[0].arguments must be an object",
                "{\"queues\": [{\"name\": \"a\", \"auto_delete\": 1}]} | queues[0].auto_delete must be true or false",
                "{\"exchanges\": [{\"name\": \"a\"}]}              | exchanges[0].type must be a string",
                "{\"policies\": [{\"name\": \"p\", \"pattern\": \"a\", \"priority\": \"x\"}]}"
                        + " | policies[0].priority must be a whole number",
                "{\"bindings\": [{\"source\": \"a\", \"destination\": \"b\", \"destination_type\": \"c\"}]}"
                        + " | bindings[0].destination_type must be queue or exchange"
            })
    void file_that_is_none_is_refused_with_its_place(String file, String text) {
        assertThatThrownBy(() -> definitions.importRabbitMq(file, ImportOptions.defaults()))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith(text);
        assertThat(number("SELECT count(*) FROM postroom.queue")).isZero();
    }

    @Test
    void file_that_is_too_long_is_refused_before_it_is_read() {
        assertThatThrownBy(() ->
                        definitions.importRabbitMq(" ".repeat(Definitions.LONGEST_FILE + 1), ImportOptions.defaults()))
                .hasMessageStartingWith("file must be at most 16777216 characters");
    }

    @Test
    void what_is_exported_is_imported_as_it_was() {
        postroom.queues().declare(QueueSettings.of("a").timeToLive(Duration.ofMinutes(1)));
        postroom.queues()
                .declare(QueueSettings.of("b").deadLetterExchange("f", "k").kind(QueueKind.AUTO_DELETE));
        postroom.queues().declare(QueueSettings.of("c").maxLength(5, Overflow.REJECT_TO_DEAD_LETTER_EXCHANGE));
        postroom.queues()
                .declare(QueueSettings.of("d")
                        .maxLength(7, Overflow.DROP_HEAD)
                        .singleActiveConsumer(true)
                        .expiresAfter(Duration.ofMinutes(3)));
        postroom.exchanges().declare(Exchange.topic("t").alternate("f"));
        postroom.exchanges().declare(Exchange.fanout("f"));
        postroom.exchanges().declare(Exchange.headers("h"));
        postroom.exchanges().bind(Binding.from("t").key("a.#").to("a"));
        postroom.exchanges().bind(Binding.from("t").key("*").toExchange("f"));
        postroom.exchanges()
                .bind(Binding.from("h").argument("kind", "x").anyValue("vip").to("b"));
        String file = definitions.exportRabbitMq("shop");
        assertThat(file)
                .contains("\"x-max-length\" : 5", "\"x-overflow\" : \"reject-publish-dlx\"", "\"x-expires\" : 180000")
                .contains("\"x-single-active-consumer\" : true")
                .doesNotContain("drop-head");
        List<Binding> bindings = bindings();
        removeAll();
        ImportReport report = definitions.importRabbitMq(file, ImportOptions.defaults());
        assertThat(report.lines())
                .filteredOn(line ->
                        !line.definition().equals("queue d")) // priorities are always there: the lowest goes first
                .allSatisfy(line -> assertThat(line.result()).isEqualTo(ImportReport.Result.TAKEN_OVER));
        assertThat(bindings()).isEqualTo(bindings);
        assertThat(definitions.exportRabbitMq("shop")).isEqualTo(file);
    }

    private List<Binding> bindings() {
        return List.of("f", "h", "t").stream()
                .flatMap(name -> postroom.exchanges().bindings(name).stream())
                .toList();
    }

    private List<String> queuesOf(CreateMessage message) {
        return postroom.queueMessages().createMessage(message.payload(1)).queues();
    }

    private long number(String query) {
        return sql.sql(query).query(Long.class).single();
    }

    private static String file() throws IOException {
        try (InputStream in = RabbitMqDefinitionsTest.class.getResourceAsStream("/rabbitmq/definitions.json")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
