package io.postroom.example;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.postroom.Postroom;
import io.postroom.api.Batches;
import io.postroom.api.Consumers;
import io.postroom.api.DeadLetters;
import io.postroom.api.Definitions;
import io.postroom.api.Exchanges;
import io.postroom.api.Limiters;
import io.postroom.api.MessageType;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.api.Schedules;
import io.postroom.channel.http.HttpSender;
import io.postroom.channel.mail.MailChannel;
import java.sql.Connection;
import java.util.UUID;
import javax.sql.DataSource;

/** What fragments on the pages take for granted: a running Postroom, some payloads, and the id of a dead letter. */
public class SnippetWorld {
    /** Given by the test before {@link #run}. */
    public static DataSource dataSource;

    public static Postroom postroom;
    public static MailChannel mailChannel;
    public static HttpSender httpSender;
    public static UUID id;

    public final QueueMessages queueMessages = postroom == null ? null : postroom.queueMessages();
    public final Queues queues = postroom == null ? null : postroom.queues();
    public final Exchanges exchanges = postroom == null ? null : postroom.exchanges();
    public final Batches batches = postroom == null ? null : postroom.batches();
    public final DeadLetters deadLetters = postroom == null ? null : postroom.deadLetters();
    public final Limiters limiters = postroom == null ? null : postroom.limiters();
    public final Schedules schedules = postroom == null ? null : postroom.schedules();
    public final Definitions definitions = postroom == null ? null : postroom.definitions();
    public final org.slf4j.Logger logger = org.slf4j.LoggerFactory.getLogger(SnippetWorld.class);
    public final Consumers consumers = postroom == null ? null : postroom.consumers();
    public final MeterRegistry registry = new SimpleMeterRegistry();
    public final ObservationRegistry observations = ObservationRegistry.create();
    public final MailProvider provider = (customer, text) -> {};
    public final OrderPaid order = new OrderPaid("A-1", "ann@example.org");

    @MessageType("order.paid")
    public record OrderPaid(String order, String customer) {}

    @MessageType("ticket.checked-out")
    public record TicketCheckedOut(String order, String customer) {}

    /** A member of a batch. */
    public record ReportPart(String report, int part) {}

    /** A request. */
    public record PriceOf(String article) {}

    /** Its reply. */
    public record Price(String article, int cents) {}

    /** The statements of a fragment; members have none. */
    public void run() throws Exception {}

    protected static Connection connection() throws Exception {
        return dataSource.getConnection();
    }
}
