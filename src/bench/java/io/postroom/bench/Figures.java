package io.postroom.bench;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Median and range of a figure over the rounds. */
record Figures(double median, double least, double most, int count) {
    /** NaN throughout if there is none. The median of an even number is the mean of the two in the middle. */
    static Figures of(DoubleStream values) {
        double[] sorted = values.filter(value -> !Double.isNaN(value)).sorted().toArray();
        int n = sorted.length;
        if (n == 0) {
            return new Figures(Double.NaN, Double.NaN, Double.NaN, 0);
        }
        return new Figures((sorted[(n - 1) / 2] + sorted[n / 2]) / 2, sorted[0], sorted[n - 1], n);
    }

    /** The smallest value that at least {@code percent} % of the values do not exceed; NaN of none. */
    static double percentile(long[] values, double percent) {
        if (values.length == 0) {
            return Double.NaN;
        }
        long[] sorted = values.clone();
        Arrays.sort(sorted);
        int rank = (int) Math.ceil(percent / 100 * sorted.length);
        return sorted[Math.max(1, rank) - 1];
    }

    static String number(double value) {
        if (!Double.isFinite(value)) {
            return "-";
        }
        double size = Math.abs(value);
        return String.format(
                Locale.ROOT,
                size >= 100 ? "%,.0f" : size >= 10 ? "%.1f" : size >= 0.1 || size == 0 ? "%.2f" : "%.4f",
                value);
    }

    /** Like {@code 0.52 (0.48 to 0.55)}; without a range if there was one round only. */
    String text() {
        return count < 2 ? number(median) : number(median) + " (" + number(least) + " to " + number(most) + ")";
    }
}
