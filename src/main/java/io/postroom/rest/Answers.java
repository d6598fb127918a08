package io.postroom.rest;

import io.postroom.api.AccessToken;
import io.postroom.api.DatabaseHealth;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.ImportReport;
import io.postroom.api.LedgerCheck;
import io.postroom.api.LedgerLine;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
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
        text(shown, "destination", stats.destination());
        if (stats.limited()) {
            shown.put("limited", true);
        }
        text(shown, "parkedUntil", stats.parkedUntil());
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

    /** Limiters as they stand, with what of them is used and free. */
    public static Map<String, Object> limiters(List<LimiterState> limiters) {
        return Map.of("limiters", limiters.stream().map(Answers::limiter).toList());
    }

    private static Map<String, Object> limiter(LimiterState state) {
        Map<String, Object> shown = limiter(state.limiter());
        shown.put("starts", state.starts());
        shown.put("inProgress", state.inProgress());
        state.freeStarts().ifPresent(starts -> shown.put("freeStarts", starts));
        state.freeInProgress().ifPresent(messages -> shown.put("freeInProgress", messages));
        shown.put("nextStart", state.nextStart().toString());
        text(shown, "parkedUntil", state.parkedUntil());
        shown.put("groupsAtLimit", state.groupsAtLimit());
        shown.put("byOperator", state.byOperator());
        shown.put("setAt", state.setAt().toString());
        return shown;
    }

    /** The limits of a queue or destination. */
    public static Map<String, Object> limiter(Limiter limiter) {
        Map<String, Object> shown = new LinkedHashMap<>();
        limiter.queue().ifPresent(queue -> shown.put("queue", queue));
        limiter.destination().ifPresent(destination -> shown.put("destination", destination));
        limiter.maxStarts().ifPresent(starts -> shown.put("maxStarts", starts));
        limiter.period().ifPresent(period -> shown.put("period", period.toString()));
        if (limiter.period().isPresent() || limiter.periodPerGroup().isPresent()) {
            shown.put("window", limiter.window().word());
        }
        limiter.maxInProgress().ifPresent(messages -> shown.put("maxInProgress", messages));
        limiter.maxStartsPerGroup().ifPresent(starts -> shown.put("maxStartsPerGroup", starts));
        limiter.periodPerGroup().ifPresent(period -> shown.put("periodPerGroup", period.toString()));
        limiter.maxInProgressPerGroup().ifPresent(messages -> shown.put("maxInProgressPerGroup", messages));
        return shown;
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

    /** Whether the ledger is whole. */
    public static Map<String, Object> ledgerCheck(LedgerCheck check) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("whole", check.isWhole());
        text(shown, "problem", check.problem());
        check.brokenNumber().ifPresent(number -> shown.put("brokenNumber", number));
        text(shown, "brokenId", check.brokenId());
        shown.put("lines", check.lines());
        check.lastNumber().ifPresent(number -> shown.put("lastNumber", number));
        text(shown, "lastHash", check.lastHash());
        shown.put("unsealed", check.unsealed());
        text(shown, "unsealedSince", check.unsealedSince());
        return shown;
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

    /** Tokens, which are themselves kept nowhere. */
    public static Map<String, Object> tokens(List<AccessToken> tokens) {
        return Map.of("tokens", tokens.stream().map(Answers::token).toList());
    }

    private static Map<String, Object> token(AccessToken token) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", token.name());
        shown.put("role", token.role().word());
        if (!token.queues().isEmpty()) {
            shown.put("queues", token.queues());
        }
        shown.put("state", token.state().name());
        shown.put("createdAt", token.createdAt().toString());
        shown.put("createdBy", token.createdBy());
        text(shown, "expiresAt", token.expiresAt());
        text(shown, "lastUsedAt", token.lastUsedAt());
        text(shown, "revokedAt", token.revokedAt());
        text(shown, "revokedBy", token.revokedBy());
        return shown;
    }

    /** A token that was made just now. */
    public static Map<String, Object> token(String name, String secret) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", name);
        shown.put("token", secret);
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
