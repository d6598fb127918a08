package io.postroom.internal.schedules;

import io.postroom.api.InvalidMessageException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A checked cron expression: six fields in Spring's syntax. Refuses what Spring's parser takes but answers wrongly (each was tried with
 * spring-context 7.0.9): {@code L-28} to {@code L-31} fall into the month before or stand still, {@code 29W} to {@code 31W} leave months
 * out, {@code 7-7} means each day, and a step longer than its field runs once a field.
 *
 * @param fields second, minute, hour, day of month, month, day of week
 * @param eitherDay whether one of the two days suffices, as in crontab; false: both must hold
 */
record CronFields(List<String> fields, boolean eitherDay) {
    /** Longest expression, in characters. */
    static final int LENGTH = 200;

    private static final Map<String, String> MACROS = Map.of(
            "@yearly", "0 0 1 1 *",
            "@annually", "0 0 1 1 *",
            "@monthly", "0 0 1 * *",
            "@weekly", "0 0 * * 0",
            "@daily", "0 0 * * *",
            "@midnight", "0 0 * * *",
            "@hourly", "0 * * * *");

    private static final Pattern RANGE = Pattern.compile("([0-9]{1,2}|[A-Z]{3})(?:-([0-9]{1,2}|[A-Z]{3}))?");
    private static final Pattern STEP = Pattern.compile("[0-9]{1,4}");
    private static final Pattern NEAREST_WORKDAY = Pattern.compile("([0-9]{1,2})W");
    private static final Pattern BEFORE_LAST = Pattern.compile("L-([0-9]{1,2})");
    private static final Pattern LAST_OR_NTH = Pattern.compile("([0-7]|[A-Z]{3})(?:L|#([0-9]))");

    private enum Field {
        SECOND("second", 0, 59, List.of()),
        MINUTE("minute", 0, 59, List.of()),
        HOUR("hour", 0, 23, List.of()),
        DAY_OF_MONTH("day of month", 1, 31, List.of()),
        MONTH(
                "month",
                1,
                12,
                List.of("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
        DAY_OF_WEEK("day of week", 0, 7, List.of("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"));

        private final String label;
        private final int least;
        private final int most;
        private final List<String> names;

        Field(String label, int least, int most, List<String> names) {
            this.label = label;
            this.least = least;
            this.most = most;
            this.names = names;
        }

        /** How many values there are; Sunday has two numbers. */
        int size() {
            return this == DAY_OF_WEEK ? 7 : most - least + 1;
        }

        boolean isDay() {
            return this == DAY_OF_MONTH || this == DAY_OF_WEEK;
        }
    }

    /** @throws InvalidMessageException it is no expression that is understood; the text names the field and what may stand there */
    static CronFields of(String expression) {
        if (expression.length() > LENGTH) {
            throw new InvalidMessageException("cron", "1 to " + LENGTH + " characters", expression);
        }
        String text = expression.strip();
        if (text.startsWith("@")) {
            String fields = MACROS.get(text.toLowerCase(Locale.ROOT));
            if (fields == null) {
                throw new InvalidMessageException(
                        "cron",
                        "5 or 6 fields, or one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly",
                        expression);
            }
            text = fields;
        }
        String[] given = text.split("[ \t]+");
        if (given.length != 5 && given.length != 6) {
            throw new InvalidMessageException(
                    "cron",
                    "5 fields (minute, hour, day of month, month, day of week) or 6 (second before them)",
                    expression,
                    text.isEmpty() ? "" : "It has " + given.length);
        }
        return check(given, (given.length == 5 ? "0 " + String.join(" ", given) : String.join(" ", given)).split(" "));
    }

    private static CronFields check(String[] given, String[] six) {
        for (Field field : Field.values()) {
            String text = six[field.ordinal()].toUpperCase(Locale.ROOT);
            six[field.ordinal()] = text;
            if (text.equals("?") && field.isDay()) {
                continue;
            }
            for (String part : text.split(",", -1)) {
                requirePart(field, part);
            }
        }
        boolean bothDays = !isOpen(six[Field.DAY_OF_MONTH.ordinal()]) && !isOpen(six[Field.DAY_OF_WEEK.ordinal()]);
        return new CronFields(List.of(six), bothDays && given.length == 5);
    }

    private static boolean isOpen(String field) {
        return field.startsWith("*") || field.equals("?");
    }

    /** Whether times repeat within the day, so that a changed clock is followed as it runs; else they are fixed times of a day. */
    boolean isInterval() {
        return fields.get(Field.MINUTE.ordinal()).startsWith("*")
                || fields.get(Field.HOUR.ordinal()).startsWith("*");
    }

    /** The expressions to ask for, of which the earliest answer counts. */
    List<String> expressions() {
        return eitherDay ? List.of(without(Field.DAY_OF_WEEK), without(Field.DAY_OF_MONTH)) : List.of(without(null));
    }

    private String without(@Nullable Field left) {
        StringBuilder text = new StringBuilder();
        for (Field field : Field.values()) {
            text.append(text.length() == 0 ? "" : " ").append(field == left ? "*" : fields.get(field.ordinal()));
        }
        return text.toString();
    }

    private static void requirePart(Field field, String part) {
        if (field == Field.DAY_OF_MONTH && isLastOrWorkday(part) || field == Field.DAY_OF_WEEK && isLastOrNth(part)) {
            return;
        }
        int slash = part.indexOf('/');
        String range = slash < 0 ? part : part.substring(0, slash);
        if (slash >= 0) {
            requireStep(field, part, part.substring(slash + 1));
        }
        if (range.equals("*")) {
            return;
        }
        Matcher matcher = RANGE.matcher(range);
        if (!matcher.matches()) {
            throw refused(field, part, "");
        }
        int from = value(field, part, matcher.group(1));
        if (matcher.group(2) == null) {
            return;
        }
        int to = value(field, part, matcher.group(2));
        if (from > 0 && matcher.group(2).equals("SUN")) {
            to = 7;
        }
        if (from > to) {
            throw refused(field, part, wrapped(field, matcher.group(1), matcher.group(2)));
        }
        if (field == Field.DAY_OF_WEEK && from == 7) {
            throw refused(field, part, "Write 7 alone");
        }
    }

    private static String wrapped(Field field, String from, String to) {
        if (field == Field.DAY_OF_WEEK) {
            return "A range does not run past Saturday or Sunday; list the days: FRI,SAT,SUN,MON";
        }
        boolean named = Character.isLetter(from.charAt(0));
        String last = named ? field.names.get(field.names.size() - 1) : String.valueOf(field.most);
        String first = named ? field.names.get(0) : String.valueOf(field.least);
        return "A range goes upwards; write " + part(from, last) + "," + part(first, to);
    }

    private static String part(String from, String to) {
        return from.equals(to) ? from : from + "-" + to;
    }

    private static void requireStep(Field field, String part, String step) {
        if (!STEP.matcher(step).matches() || Integer.parseInt(step) < 1 || Integer.parseInt(step) > field.size()) {
            throw new InvalidMessageException(
                    "cron", "an expression with a step of 1 to " + field.size() + " in " + field.label, part);
        }
    }

    private static int value(Field field, String part, String text) {
        if (Character.isLetter(text.charAt(0))) {
            int place = field.names.indexOf(text);
            if (place < 0) {
                throw refused(field, part, "");
            }
            return field == Field.MONTH ? place + 1 : place;
        }
        int value = Integer.parseInt(text);
        if (value < field.least || value > field.most) {
            throw refused(field, part, "");
        }
        return value;
    }

    private static boolean isLastOrWorkday(String part) {
        if (part.equals("L") || part.equals("LW")) {
            return true;
        }
        Matcher before = BEFORE_LAST.matcher(part);
        if (before.matches()) {
            int days = Integer.parseInt(before.group(1));
            if (days < 1 || days > 27) {
                throw refused(Field.DAY_OF_MONTH, part, "L-1 to L-27 are days that each month has");
            }
            return true;
        }
        Matcher workday = NEAREST_WORKDAY.matcher(part);
        if (workday.matches()) {
            int day = Integer.parseInt(workday.group(1));
            if (day < 1 || day > 28) {
                throw refused(
                        Field.DAY_OF_MONTH,
                        part,
                        "1W to 28W are days that each month has; LW is the last working day of a month");
            }
            return true;
        }
        return false;
    }

    private static boolean isLastOrNth(String part) {
        Matcher matcher = LAST_OR_NTH.matcher(part);
        if (!matcher.matches()) {
            return false;
        }
        value(Field.DAY_OF_WEEK, part, matcher.group(1));
        String nth = matcher.group(2);
        if (nth != null && (nth.compareTo("1") < 0 || nth.compareTo("5") > 0)) {
            throw refused(Field.DAY_OF_WEEK, part, "After # stands 1 to 5");
        }
        return true;
    }

    private static InvalidMessageException refused(Field field, String part, String hint) {
        String names = field.names.isEmpty()
                ? ""
                : " or " + field.names.get(0) + " to " + field.names.get(field.names.size() - 1);
        String special = switch (field) {
            case DAY_OF_MONTH -> ", L, L-n, LW or nW";
            case DAY_OF_WEEK -> ", nL or n#m";
            default -> "";
        };
        return new InvalidMessageException(
                "cron",
                "an expression with " + field.least + " to " + field.most + names + special + " in " + field.label
                        + " (values, upward ranges, *, steps)",
                part,
                hint);
    }
}
