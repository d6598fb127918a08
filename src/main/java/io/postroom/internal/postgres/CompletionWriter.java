package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.NextState;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Writes the ends of held messages on a connection: a success without a note by the shorter statement, any other end by the longer one. */
final class CompletionWriter {
    private CompletionWriter() {}

    /** Whether one statement is enough, so that no explicit transaction is needed. */
    static boolean isOneStatement(List<Completion> completions) {
        return haveOneStatement(completions) && completions.stream().noneMatch(CompletionWriter::endsGroup);
    }

    private static boolean haveOneStatement(List<Completion> completions) {
        boolean first = completions.get(0).isPlainDone();
        return completions.stream().allMatch(completion -> completion.isPlainDone() == first);
    }

    /** Whether the message gives up its group in an ordered queue. A retry keeps it, and a dead letter may. */
    private static boolean endsGroup(Completion completion) {
        return completion.message().lease().holdsGroup()
                && (completion.next() == NextState.FINISHED || completion.next() == NextState.DEAD);
    }

    static List<LeasePart> write(int workerId, List<Completion> completions, Connection connection)
            throws SQLException {
        List<LeasePart> parts = complete(workerId, completions, connection);
        List<Completion> ending =
                completions.stream().filter(CompletionWriter::endsGroup).toList();
        if (!ending.isEmpty()) {
            advanceGroups(ending, parts, connection);
        }
        return parts;
    }

    /** Leaves out those whose leases were lost: their messages run again or did already, and may hold their groups. */
    private static void advanceGroups(List<Completion> ending, List<LeasePart> parts, Connection connection)
            throws SQLException {
        List<Completion> ended =
                ending.stream().filter(LeasePart.written(parts)).toList();
        if (ended.isEmpty()) {
            return;
        }
        try (Sql.Call call = CompleteSql.ADVANCE_GROUPS.on(connection)) {
            call.set("queues", ArrayValues.ints(ended, one -> one.message().queueId()))
                    .set(
                            "groups",
                            ArrayValues.texts(
                                    ended, one -> one.message().content().group()))
                    .set(
                            "messages",
                            ArrayValues.uuids(ended, one -> one.message().id()))
                    .set("dead", ArrayValues.flags(ended, one -> one.next() == NextState.DEAD))
                    .one(row -> row.getInt(1));
        }
    }

    private static List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection)
            throws SQLException {
        if (completions.size() == 1 && isWholeLeaseDone(completions.get(0))) {
            return one(workerId, completions.get(0), connection);
        }
        Map<Long, BitSet> completed = new TreeMap<>();
        if (haveOneStatement(completions)) {
            write(workerId, completions, completed, connection);
        } else {
            lock(workerId, completions, connection);
            write(workerId, completions.stream().filter(Completion::isPlainDone).toList(), completed, connection);
            write(
                    workerId,
                    completions.stream().filter(one -> !one.isPlainDone()).toList(),
                    completed,
                    connection);
        }
        List<LeasePart> parts = new ArrayList<>(completed.size());
        completed.forEach((lease, bits) -> parts.add(new LeasePart(lease, bits)));
        return parts;
    }

    private static boolean isWholeLeaseDone(Completion completion) {
        return completion.isPlainDone() && completion.message().lease().count() == 1;
    }

    private static List<LeasePart> one(int workerId, Completion completion, Connection connection) throws SQLException {
        long now = System.nanoTime();
        try (Sql.Call call = CompleteSql.COMPLETE_ONE.on(connection)) {
            boolean held = call.set("worker", workerId)
                    .set("lease", completion.message().lease().id())
                    .set("message", completion.message().id())
                    .set("number", completion.message().number())
                    .set("startedAgo", microsAgo(now, completion.startedNanos()))
                    .set("finishedAgo", microsAgo(now, completion.finishedNanos()))
                    .one(row -> row.getBoolean(1));
            BitSet first = new BitSet(1);
            first.set(0);
            return held ? List.of(new LeasePart(completion.message().lease().id(), first)) : List.of();
        }
    }

    private static long microsAgo(long now, long nanos) {
        return Math.max(0, now - nanos) / 1000;
    }

    private static void lock(int workerId, List<Completion> completions, Connection connection) throws SQLException {
        try (Sql.Call call = CompleteSql.LOCK.on(connection)) {
            call.set(
                            "leases",
                            masks(completions).keySet().stream()
                                    .mapToLong(Long::longValue)
                                    .toArray())
                    .set("worker", workerId)
                    .list(row -> row.getLong(1));
        }
    }

    /** Writes attempts that all succeeded without a note, or that all ended another way. */
    private static void write(
            int workerId, List<Completion> completions, Map<Long, BitSet> completed, Connection connection)
            throws SQLException {
        boolean done = completions.get(0).isPlainDone();
        try (Sql.Call call = (done ? CompleteSql.COMPLETE_DONE : CompleteSql.COMPLETE).on(connection)) {
            setHolds(call, workerId, completions);
            if (!done) {
                setEnds(call, completions);
            }
            call.list(row -> {
                completed.computeIfAbsent(row.getLong(1), lease -> new BitSet()).or(Rows.bits(row.getString(2)));
                return true;
            });
        }
    }

    private static void setHolds(Sql.Call call, int workerId, List<Completion> completions) throws SQLException {
        Map<Long, char[]> masks = masks(completions);
        long now = System.nanoTime();
        call.set("worker", workerId)
                .set(
                        "leases",
                        masks.keySet().stream().mapToLong(Long::longValue).toArray())
                .set("masks", masks.values().stream().map(String::new).toArray(String[]::new))
                .set(
                        "leaseOf",
                        ArrayValues.longs(
                                completions, one -> one.message().lease().id()))
                .set(
                        "ordinals",
                        ArrayValues.ints(
                                completions, one -> one.message().lease().ordinal()))
                .set(
                        "messages",
                        ArrayValues.uuids(completions, one -> one.message().id()))
                .set(
                        "numbers",
                        ArrayValues.shorts(
                                completions, completion -> completion.message().number()))
                .set("startedAgo", ArrayValues.longs(completions, one -> microsAgo(now, one.startedNanos())))
                .set("finishedAgo", ArrayValues.longs(completions, one -> microsAgo(now, one.finishedNanos())));
    }

    private static void setEnds(Sql.Call call, List<Completion> completions) throws SQLException {
        @Nullable Short[] outcomes = new Short[completions.size()];
        Arrays.setAll(outcomes, i -> {
            var outcome = completions.get(i).outcome();
            return outcome == null ? null : (short) outcome.code();
        });
        call.setShorts("outcomes", outcomes)
                .set(
                        "nexts",
                        ArrayValues.shorts(
                                completions, completion -> completion.next().code()))
                .set("delays", ArrayValues.longs(completions, completion -> Rows.micros(completion.delay())))
                .set("reasons", ArrayValues.texts(completions, Completion::reason))
                .set(
                        "errorClasses",
                        ArrayValues.texts(
                                completions,
                                one -> one.failure() == null
                                        ? null
                                        : one.failure().errorClass()))
                .set(
                        "errors",
                        ArrayValues.texts(
                                completions,
                                one -> one.failure() == null
                                        ? one.note()
                                        : one.failure().text()))
                .set(
                        "fingerprints",
                        ArrayValues.texts(
                                completions,
                                one -> one.failure() == null
                                        ? null
                                        : one.failure().fingerprint()))
                .set("failures", ArrayValues.shorts(completions, Completion::failures))
                .set(
                        "crashes",
                        ArrayValues.shorts(
                                completions,
                                completion -> completion.message().counters().crashes()));
    }

    /** Per lease, in the order of their ids, a 1 for each of its messages that is to be completed. */
    private static Map<Long, char[]> masks(List<Completion> completions) {
        Map<Long, char[]> masks = new TreeMap<>();
        for (Completion completion : completions) {
            char[] mask = masks.computeIfAbsent(completion.message().lease().id(), lease -> {
                char[] zeros = new char[completion.message().lease().count()];
                Arrays.fill(zeros, '0');
                return zeros;
            });
            mask[completion.message().lease().ordinal()] = '1';
        }
        return masks;
    }
}
