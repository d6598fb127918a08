package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Writes the ends of held messages on a connection: those that went well by the shorter statement, the others by the longer one. */
final class CompletionWriter {
    private CompletionWriter() {}

    /** Whether one statement does, so that no explicit transaction is needed. */
    static boolean isOneStatement(List<Completion> completions) {
        boolean first = completions.get(0).isDone();
        return completions.stream().allMatch(completion -> completion.isDone() == first);
    }

    static List<LeasePart> write(int workerId, List<Completion> completions, Connection connection)
            throws SQLException {
        if (completions.size() == 1 && isWholeLeaseDone(completions.get(0))) {
            return one(workerId, completions.get(0), connection);
        }
        Map<Long, BitSet> completed = new TreeMap<>();
        if (isOneStatement(completions)) {
            write(workerId, completions, completed, connection);
        } else {
            lock(workerId, completions, connection);
            write(workerId, completions.stream().filter(Completion::isDone).toList(), completed, connection);
            write(workerId, completions.stream().filter(one -> !one.isDone()).toList(), completed, connection);
        }
        List<LeasePart> parts = new ArrayList<>(completed.size());
        completed.forEach((lease, bits) -> parts.add(new LeasePart(lease, bits)));
        return parts;
    }

    private static boolean isWholeLeaseDone(Completion completion) {
        return completion.isDone() && completion.message().lease().count() == 1;
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

    /** All done, or all not. */
    private static void write(
            int workerId, List<Completion> completions, Map<Long, BitSet> completed, Connection connection)
            throws SQLException {
        boolean done = completions.get(0).isDone();
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
        int size = completions.size();
        long now = System.nanoTime();
        long[] leaseOf = new long[size];
        long[] startedAgo = new long[size];
        long[] finishedAgo = new long[size];
        int[] ordinals = new int[size];
        UUID[] messages = new UUID[size];
        for (int i = 0; i < size; i++) {
            Completion completion = completions.get(i);
            leaseOf[i] = completion.message().lease().id();
            ordinals[i] = completion.message().lease().ordinal();
            messages[i] = completion.message().id();
            startedAgo[i] = microsAgo(now, completion.startedNanos());
            finishedAgo[i] = microsAgo(now, completion.finishedNanos());
        }
        call.set("worker", workerId)
                .set(
                        "leases",
                        masks.keySet().stream().mapToLong(Long::longValue).toArray())
                .set("masks", masks.values().stream().map(String::new).toArray(String[]::new))
                .set("leaseOf", leaseOf)
                .set("ordinals", ordinals)
                .set("messages", messages)
                .set(
                        "numbers",
                        shorts(completions, completion -> completion.message().number()))
                .set("startedAgo", startedAgo)
                .set("finishedAgo", finishedAgo);
    }

    private static void setEnds(Sql.Call call, List<Completion> completions) throws SQLException {
        @Nullable Short[] outcomes = new Short[completions.size()];
        Arrays.setAll(outcomes, i -> {
            var outcome = completions.get(i).outcome();
            return outcome == null ? null : (short) outcome.ordinal();
        });
        long[] delays = completions.stream()
                .mapToLong(completion -> Rows.micros(completion.delay()))
                .toArray();
        call.setShorts("outcomes", outcomes)
                .set(
                        "nexts",
                        shorts(completions, completion -> completion.next().ordinal()))
                .set("delays", delays)
                .set("reasons", texts(completions, Completion::reason))
                .set(
                        "errorClasses",
                        texts(
                                completions,
                                one -> one.failure() == null
                                        ? null
                                        : one.failure().errorClass()))
                .set(
                        "errors",
                        texts(
                                completions,
                                one -> one.failure() == null
                                        ? null
                                        : one.failure().text()))
                .set(
                        "fingerprints",
                        texts(
                                completions,
                                one -> one.failure() == null
                                        ? null
                                        : one.failure().fingerprint()))
                .set("failures", shorts(completions, Completion::failures))
                .set(
                        "crashes",
                        shorts(
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

    private static short[] shorts(List<Completion> completions, ToIntFunction<Completion> value) {
        short[] values = new short[completions.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (short) Math.min(Short.MAX_VALUE, value.applyAsInt(completions.get(i)));
        }
        return values;
    }

    private static @Nullable String[] texts(
            List<Completion> completions, Function<Completion, @Nullable String> value) {
        @Nullable String[] values = new String[completions.size()];
        Arrays.setAll(values, i -> value.apply(completions.get(i)));
        return values;
    }
}
