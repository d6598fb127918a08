package io.postroom.internal.postgres;

import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Arrays to send: one element per item, in the order of the items. Where elements may be null, an array with nothing but nulls becomes
 * null itself: less is sent, and {@code unnest} fills it up.
 */
final class ArrayValues {
    private ArrayValues() {}

    static <T> UUID[] uuids(List<T> items, Function<T, UUID> value) {
        return items.stream().map(value).toArray(UUID[]::new);
    }

    static <T> int[] ints(List<T> items, ToIntFunction<T> value) {
        int[] values = new int[items.size()];
        Arrays.setAll(values, i -> value.applyAsInt(items.get(i)));
        return values;
    }

    /** A value above 32767 is sent as 32767: counters stop there. */
    static <T> short[] shorts(List<T> items, ToIntFunction<T> value) {
        short[] values = new short[items.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (short) Math.min(Short.MAX_VALUE, value.applyAsInt(items.get(i)));
        }
        return values;
    }

    static <T> long[] longs(List<T> items, ToLongFunction<T> value) {
        long[] values = new long[items.size()];
        Arrays.setAll(values, i -> value.applyAsLong(items.get(i)));
        return values;
    }

    static <T> @Nullable Long @Nullable [] nullableLongs(List<T> items, Function<T, @Nullable Long> value) {
        return filled(items, value, new Long[items.size()]);
    }

    static <T> @Nullable String @Nullable [] texts(List<T> items, Function<T, @Nullable String> value) {
        return filled(items, value, new String[items.size()]);
    }

    /** True and false as texts, for {@code ::text[]::boolean[]}. */
    static <T> @Nullable String @Nullable [] flags(List<T> items, Function<T, @Nullable Boolean> value) {
        return texts(items, item -> {
            Boolean flag = value.apply(item);
            return flag == null ? null : flag.toString();
        });
    }

    static <T> byte @Nullable [] @Nullable [] bytes(List<T> items, Function<T, byte @Nullable []> value) {
        return filled(items, value, new byte[items.size()][]);
    }

    private static <T, V> @Nullable V @Nullable [] filled(
            List<T> items, Function<T, @Nullable V> value, @Nullable V[] values) {
        boolean hasAny = false;
        for (int i = 0; i < values.length; i++) {
            values[i] = value.apply(items.get(i));
            hasAny |= values[i] != null;
        }
        return hasAny ? values : null;
    }
}
