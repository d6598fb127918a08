package io.postroom.channel.mail;

import io.postroom.api.Limits;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A decimal whose text has no exponent. A template shows a value by its text, and a reader of a mail should see 20000000 where the payload
 * has 2.0E7. A template can still calculate with it and give it a format.
 */
final class PlainDecimal extends BigDecimal {
    private static final long serialVersionUID = 1L;
    /** Digits behind the point, or zeros in front of it: as many as a stored payload can have. */
    private static final int MOST_DIGITS = Limits.NUMBER_EXPONENT + Limits.NUMBER_LENGTH;

    private PlainDecimal(BigDecimal value) {
        super(value.unscaledValue(), value.scale());
    }

    /** Returns a copy with plain decimals; its maps and lists are copied where they are the JDK's, as those of a payload are. */
    static Map<String, Object> inModel(Map<String, Object> model) {
        Map<String, Object> plain = new LinkedHashMap<>();
        model.forEach((name, value) -> plain.put(name, plain(value)));
        return plain;
    }

    private static @Nullable Object plain(@Nullable Object value) {
        if (value instanceof BigDecimal decimal) {
            return Math.abs((long) decimal.scale()) <= MOST_DIGITS ? new PlainDecimal(decimal) : decimal;
        } else if (value instanceof Map<?, ?> map && isOfTheJdk(map)) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((name, each) -> copy.put(name, plain(each)));
            return copy;
        } else if (value instanceof List<?> list && isOfTheJdk(list)) {
            List<Object> copy = new ArrayList<>();
            list.forEach(each -> copy.add(plain(each)));
            return copy;
        }
        return value;
    }

    private static boolean isOfTheJdk(Object value) {
        return value.getClass().getName().startsWith("java.util.");
    }

    @Override
    public String toString() {
        return toPlainString();
    }
}
