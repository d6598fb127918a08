package io.postroom.api;

/**
 * A given value breaks a limit. Nothing was written, and a repeat fails again. The text names the field, the limit and at most 80
 * characters of the value.
 */
public class InvalidMessageException extends PostroomException {
    private static final int SHOWN = 80;

    private final String field;
    private final String limit;
    private final String value;
    private final String hint;

    /**
     * @param field the field that is refused
     * @param limit what the field must be, as in "0 to 9"
     * @param value what was given
     */
    public InvalidMessageException(String field, String limit, String value) {
        this(field, limit, value, "");
    }

    /**
     * @param field the field that is refused
     * @param limit what the field must be, as in "0 to 9"
     * @param value what was given
     * @param hint what to do, as a sentence; may be empty
     */
    public InvalidMessageException(String field, String limit, String value, String hint) {
        super(field + " must be " + limit + ", got \"" + shown(value) + "\"" + (hint.isEmpty() ? "" : ". " + hint));
        this.field = field;
        this.limit = limit;
        this.value = value;
        this.hint = hint;
    }

    private InvalidMessageException(InvalidMessageException one, int index) {
        super("message " + index + " of the batch: " + one.getMessage() + ". Nothing of the batch was written", one);
        this.field = one.field;
        this.limit = one.limit;
        this.value = one.value;
        this.hint = one.hint;
    }

    /** Answers the same refusal with the number of the message in its batch, counted from 0. */
    public InvalidMessageException inBatch(int index) {
        return new InvalidMessageException(this, index);
    }

    /** Answers the same refusal with the place of the value in a file, as in {@code queues[3]}. */
    public InvalidMessageException at(String place) {
        return new InvalidMessageException(place + "." + field, limit, value, hint);
    }

    /** The field that was refused, by its name in REST and SQL. */
    public String field() {
        return field;
    }

    /** What the field must be. */
    public String limit() {
        return limit;
    }

    /** Whether a reader would not see the character, or would see the text around it in another order. */
    private static boolean isUnseen(char c) {
        return Character.isISOControl(c)
                || Character.isSurrogate(c)
                || c >= '\u200B' && c <= '\u200F'
                || c >= '\u2028' && c <= '\u202E'
                || c >= '\u2060' && c <= '\u206F'
                || c == '\u061C'
                || c == '\uFEFF'
                || c >= '\uFFFE';
    }

    private static String shown(String value) {
        StringBuilder shown = new StringBuilder();
        int end = Math.min(value.length(), SHOWN);
        for (int i = 0; i < end; i++) {
            char c = value.charAt(i);
            if (isUnseen(c)) {
                shown.append(String.format("\\u%04x", (int) c));
            } else {
                shown.append(c);
            }
        }
        return value.length() > SHOWN
                ? shown.append("… (")
                        .append(value.length())
                        .append(" characters)")
                        .toString()
                : shown.toString();
    }
}
