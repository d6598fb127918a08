package io.postroom.bench;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What was asked for, by arguments ({@code quick}, {@code name=value}) or system properties ({@code bench}, {@code bench.name}); arguments
 * win.
 *
 * @param workloads ids, in the order they run; never empty
 * @param contenders names as in the tables, rows that begin with one of them are measured; empty: all
 * @param url of a server to use; null: an own one is started
 * @param rounds alternating runs whose median is reported; default 5, quick 2
 * @param scale all amounts and times are multiplied by it; default 1. For trying the benchmark out: below 1 nothing is compared with
 *     the goals
 */
record Options(
        boolean quick,
        Set<String> workloads,
        Set<String> contenders,
        @Nullable String url,
        int rounds,
        double scale) {
    static final List<String> ALL = List.of(
            "W1", "W2a", "W2b", "W2c", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W10f", "W11", "W12", "W13",
            "W14", "W15", "W16", "W17", "W18", "W19", "W20", "W21", "W22", "W23", "memory");
    static final List<String> QUICK = List.of("W1", "W2a", "W3");
    private static final List<String> SLOW = List.of("jobrunr", "quartz");
    private static final List<String> NAMES = List.of("workloads", "contenders", "url", "rounds", "scale");
    private static final String ALLOWED =
            "Allowed are quick, workloads=W1,W5, contenders=raw-tx,postroom, url=jdbc:postgresql://..., rounds=5";

    /** @throws BenchException names what is allowed */
    static Options of(String[] arguments, Properties system) {
        Map<String, String> given = new LinkedHashMap<>();
        for (String name : NAMES) {
            given.put(name, system.getProperty("bench." + name, ""));
        }
        String form = system.getProperty("bench", "");
        for (String argument : arguments) {
            int sign = argument.indexOf('=');
            if (sign < 0) {
                form = argument;
            } else if (NAMES.contains(argument.substring(0, sign))) {
                given.put(argument.substring(0, sign), argument.substring(sign + 1));
            } else {
                throw new BenchException("Unknown option \"" + argument + "\". " + ALLOWED);
            }
        }
        if (!List.of("", "all", "quick").contains(form)) {
            throw new BenchException("Unknown option \"" + form + "\". " + ALLOWED);
        }
        boolean quick = form.equals("quick");
        String url = given.get("url");
        if (!url.isEmpty() && !url.startsWith("jdbc:postgresql:")) {
            throw new BenchException("The url must begin with jdbc:postgresql:, but is " + url);
        }
        return new Options(
                quick,
                workloads(given.get("workloads"), quick),
                contenders(given.get("contenders")),
                url.isEmpty() ? null : url,
                (int) number("rounds", given.get("rounds"), quick ? 2 : 5, 1, 100),
                number("scale", given.get("scale"), 1, 0.0001, 1));
    }

    private static Set<String> workloads(String text, boolean quick) {
        if (text.isEmpty()) {
            return new LinkedHashSet<>(quick ? QUICK : ALL);
        }
        Set<String> chosen = new LinkedHashSet<>();
        for (String id : text.split(",")) {
            String wanted = id.strip();
            List<String> found = ALL.stream()
                    .filter(known ->
                            known.equalsIgnoreCase(wanted) || known.matches("W2[abc]") && wanted.equalsIgnoreCase("W2"))
                    .toList();
            if (found.isEmpty()) {
                throw new BenchException(
                        "Unknown workload \"" + wanted + "\". There are " + String.join(", ", ALL) + ".");
            }
            chosen.addAll(found);
        }
        return chosen;
    }

    private static Set<String> contenders(String text) {
        Set<String> chosen = new LinkedHashSet<>();
        List<String> known = Contenders.all().stream().map(Contender::name).toList();
        for (String name : text.isBlank() ? new String[0] : text.split(",")) {
            if (!known.contains(name.strip())) {
                throw new BenchException(
                        "Unknown contender \"" + name.strip() + "\". There are " + String.join(", ", known) + ".");
            }
            chosen.add(name.strip());
        }
        return chosen;
    }

    boolean measures(String row) {
        return contenders.isEmpty() || contenders.stream().anyMatch(row::startsWith);
    }

    private static double number(String name, String text, double usual, double least, double most) {
        if (text.isEmpty()) {
            return usual;
        }
        try {
            double value = Double.parseDouble(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new BenchException("Option " + name + " must be a number from " + least + " to " + most + ", but is \""
                + text + "\". " + ALLOWED);
    }

    /** Two rounds are enough for those that are slower by factors, not percents; in the quick form one. */
    int rounds(Contender contender) {
        return SLOW.contains(contender.name()) ? Math.min(rounds, quick ? 1 : 2) : rounds;
    }

    /** How often what is measured, for the reader of a table. */
    String roundsText() {
        return rounds + "; JobRunr and Quartz at most " + (quick ? 1 : 2) + "; W4 at most "
                + TogetherWorkload.MOST_ROUNDS + ", W8 at most " + PayloadWorkload.MOST_ROUNDS
                + ", W10 at most " + ManyQueuesWorkload.MOST_ROUNDS
                + ", W5 to W7, W9, W10f, W11, the pages of W21, the search and the rest of W22, and memory once";
    }

    /** The goals are those of the full form: in the quick one starting up has a larger share. */
    boolean comparesWithGoals() {
        return scale == 1 && !quick;
    }

    int messages(int amount) {
        return (int) Math.max(50, amount * scale);
    }

    long nanos(double seconds) {
        return (long) (Math.max(0.3, seconds * scale) * 1e9);
    }
}
