package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.NewMessage;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A statement that writes one message, in the forms that messages have (see {@link MessageColumns}). A form is made at its first use.
 * Thread-safe.
 */
final class SqlOfOne {
    private final String text;
    private final Map<String, String> expressions;
    private final Map<Integer, Sql> forms = new ConcurrentHashMap<>();

    /**
     * @param text with the placeholders of {@link MessageColumns#fillOne}
     * @param expressions those of columns whose values come from the statement itself, by the column's name
     */
    SqlOfOne(String text, Map<String, String> expressions) {
        this.text = text;
        this.expressions = expressions;
    }

    /** The statement in the form of this message. */
    Sql in(NewMessage message) {
        int form = MessageColumns.formOf(message);
        Sql known = forms.get(form);
        return known != null ? known : forms.computeIfAbsent(form, any -> made(message));
    }

    private Sql made(NewMessage message) {
        return Sql.of(MessageColumns.fillOne(text, expressions, message));
    }
}
