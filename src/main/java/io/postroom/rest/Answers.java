package io.postroom.rest;

import io.postroom.api.DatabaseHealth;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.ImportReport;
import io.postroom.api.LedgerLine;
import io.postroom.api.Message;
import io.postroom.api.OperationStatus;
import io.postroom.api.QueueEntry;
import io.postroom.api.QueueStats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.json.JsonMapper;

/**
 * Turns what the API of Java answers into the members of JSON answers. Controllers use it, and so does the command line where it speaks to
 * a database, so that both ways show the same. What is empty is left out. Times are ISO-8601 in UTC, durations are in milliseconds.
 */
public final class Answers {
    private static final JsonMapper JSON = JsonMapper.shared();

    private Answers() {}

    /** The counts of queues. */
    public static Map<String, Object> queues(List<QueueStats> stats) {
        return Map.of("queues", stats.stream().map(Answers::queue).toList());
    }

    static Map<String, Object> queue(QueueStats stats) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("queue", stats.queue());
        shown.put("ready", stats.ready());
        shown.put("delayed", stats.delayed());
        shown.put("inProgress", stats.inProgress());
        shown.put("dead", stats.dead());
        shown.put("paused", stats.paused());
        shown.put("consumers", stats.consumers());
        text(shown, "oldestReadyAt", stats.oldestReadyAt());
        more(shown, "readyMore", stats.readyMore());
        more(shown, "delayedMore", stats.delayedMore());
        more(shown, "deadMore", stats.deadMore());
        return shown;
    }

    /** Says where a count stopped: it is at least what is shown. */
    private static void more(Map<String, Object> shown, String name, boolean more) {
        if (more) {
            shown.put(name, true);
        }
    }

    /** Messages of a list, without payload and headers. */
    public static Map<String, Object> messages(List<Message> messages) {
        return Map.of("messages", messages.stream().map(Answers::message).toList());
    }

    private static Map<String, Object> message(Message message) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", message.id().toString());
        if (!message.type().isEmpty()) {
            shown.put("type", message.type());
            shown.put("version", message.version());
        }
        shown.put("priority", message.priority());
        text(shown, "correlationId", message.correlationId());
        text(shown, "group", message.group());
        shown.put("createdAt", message.createdAt().toString());
        shown.put("entries", message.entries().stream().map(Answers::entry).toList());
        return shown;
    }

    private static Map<String, Object> entry(QueueEntry entry) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("queue", entry.queue());
        shown.put("state", entry.state().name());
        shown.put("failures", entry.failures());
        shown.put("crashes", entry.crashes());
        shown.put("deliveries", entry.deliveries());
        text(shown, "dueAt", entry.dueAt());
        text(shown, "expiresAt", entry.expiresAt());
        text(shown, "error", entry.error());
        return shown;
    }

    /** What a filter of dead letters matches. */
    public static Map<String, Object> preview(DeadLetterPreview preview) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("count", preview.count());
        shown.put("more", preview.more());
        shown.put("first", preview.first().stream().map(Answers::letter).toList());
        shown.put(
                "fingerprints",
                preview.fingerprints().stream().map(Answers::fingerprint).toList());
        return shown;
    }

    private static Map<String, Object> letter(DeadLetterPreview.Letter letter) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", letter.id().toString());
        shown.put("queue", letter.queue());
        shown.put("deadAt", letter.deadAt().toString());
        shown.put("reason", letter.reason());
        text(shown, "type", letter.type());
        text(shown, "errorClass", letter.errorClass());
        text(shown, "error", letter.error());
        text(shown, "fingerprint", letter.fingerprint());
        return shown;
    }

    private static Map<String, Object> fingerprint(DeadLetterPreview.Fingerprint group) {
        Map<String, Object> shown = new LinkedHashMap<>();
        text(shown, "fingerprint", group.fingerprint());
        shown.put("count", group.count());
        shown.put("newestAt", group.newestAt().toString());
        text(shown, "error", group.error());
        return shown;
    }

    /** Operations of a list. */
    public static Map<String, Object> operations(List<OperationStatus> operations) {
        return Map.of("operations", operations.stream().map(Answers::operation).toList());
    }

    /** An operation. */
    public static Map<String, Object> operation(OperationStatus status) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", status.id().toString());
        shown.put("verb", status.verb());
        shown.put("state", status.state());
        shown.put("filter", JSON.readTree(status.filter()));
        shown.put("actor", status.actor());
        shown.put("reason", status.reason());
        shown.put("planned", status.planned());
        shown.put("processed", status.processed());
        shown.put("failed", status.failed());
        shown.put("perSecond", status.perSecond());
        shown.put("canary", status.canary());
        shown.put("canaryThreshold", status.canaryThreshold());
        shown.put("waitsForCanary", status.waitsForCanary());
        text(shown, "note", status.note());
        shown.put("createdAt", status.createdAt().toString());
        text(shown, "finishedAt", status.finishedAt());
        return shown;
    }

    /** Lines of the ledger. */
    public static Map<String, Object> ledger(List<LedgerLine> lines) {
        return Map.of("lines", lines.stream().map(Answers::line).toList());
    }

    private static Map<String, Object> line(LedgerLine line) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("id", line.id().toString());
        shown.put("at", line.at().toString());
        shown.put("actor", line.actor());
        text(shown, "dbUser", line.dbUser());
        shown.put("action", line.action());
        text(shown, "queue", line.queue());
        text(shown, "message", line.message().map(UUID::toString));
        text(shown, "operation", line.operation().map(UUID::toString));
        line.filter().ifPresent(filter -> shown.put("filter", JSON.readTree(filter)));
        line.planned().ifPresent(planned -> shown.put("planned", planned));
        shown.put("done", line.done());
        text(shown, "reason", line.reason());
        text(shown, "note", line.note());
        return shown;
    }

    /** What became of a definitions file. */
    public static Map<String, Object> report(ImportReport report) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("dryRun", report.dryRun());
        shown.put("lines", report.lines().stream().map(Answers::line).toList());
        return shown;
    }

    private static Map<String, Object> line(ImportReport.Line line) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("result", line.result().name());
        shown.put("definition", line.definition());
        if (!line.text().isEmpty()) {
            shown.put("text", line.text());
        }
        return shown;
    }

    /** How the database stands. */
    public static Map<String, Object> database(DatabaseHealth health) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("at", health.at().toString());
        shown.put("version", health.version());
        shown.put("role", health.role());
        shown.put("healthy", health.isHealthy());
        shown.put("clockSkewMillis", health.clockSkew().toMillis());
        shown.put("findings", health.findings().stream().map(Answers::finding).toList());
        shown.put("horizon", health.horizon().stream().map(Answers::holder).toList());
        shown.put("tables", health.tables().stream().map(Answers::table).toList());
        shown.put("days", health.days().stream().map(Answers::days).toList());
        shown.put("workers", health.workers().stream().map(Answers::worker).toList());
        return shown;
    }

    private static Map<String, Object> finding(DatabaseHealth.Finding finding) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("level", finding.level().name());
        shown.put("code", finding.code());
        shown.put("what", finding.what());
        shown.put("todo", finding.todo());
        return shown;
    }

    private static Map<String, Object> holder(DatabaseHealth.Holder holder) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("kind", holder.kind().name());
        shown.put("name", holder.name());
        holder.pid().ifPresent(pid -> shown.put("pid", pid));
        text(shown, "application", holder.application());
        text(shown, "user", holder.user());
        text(shown, "state", holder.state());
        holder.seconds().ifPresent(seconds -> shown.put("seconds", seconds));
        holder.transactions().ifPresent(transactions -> shown.put("transactions", transactions));
        holder.walBytes().ifPresent(bytes -> shown.put("walBytes", bytes));
        return shown;
    }

    private static Map<String, Object> table(DatabaseHealth.Table table) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("table", table.name());
        shown.put("partitions", table.partitions());
        shown.put("liveRows", table.liveRows());
        shown.put("deadRows", table.deadRows());
        shown.put("bytes", table.bytes());
        text(shown, "vacuumedAt", table.vacuumedAt());
        return shown;
    }

    private static Map<String, Object> days(DatabaseHealth.Days days) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("table", days.table());
        shown.put("partitions", days.partitions());
        text(shown, "from", days.from());
        text(shown, "until", days.until());
        shown.put("bytes", days.bytes());
        return shown;
    }

    private static Map<String, Object> worker(DatabaseHealth.Worker worker) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("worker", worker.name());
        shown.put("version", worker.version());
        shown.put("startedAt", worker.startedAt().toString());
        shown.put("silentForMillis", worker.silentFor().toMillis());
        shown.put("holds", worker.holds());
        return shown;
    }

    private static void text(Map<String, Object> shown, String name, Optional<?> value) {
        value.ifPresent(given -> shown.put(name, given.toString()));
    }
}
