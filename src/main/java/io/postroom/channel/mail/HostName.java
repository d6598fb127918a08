package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import io.postroom.channel.MissingLibraryException;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Brings host names into the one form that SMTP and DNS compare: ASCII in lower case. International names follow IDNA2008 by ICU4J, or are
 * refused without that library. {@code java.net.IDN} is not an alternative: it follows IDNA2003, where {@code straße.example} is {@code
 * strasse.example}. In the DNS of today that is another domain, perhaps with another owner.
 */
final class HostName {
    private static final int LENGTH = 255;
    private static final String LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private static final Pattern NAME = Pattern.compile("(" + LABEL + "\\.)*" + LABEL);
    private static final Pattern LAST_LABEL_OF_DIGITS = Pattern.compile("(.*\\.)?[0-9]+");

    private HostName() {}

    /**
     * Returns the name in ASCII and lower case.
     *
     * @param field what a refusal names
     * @param limit what a refusal says the field must be
     * @param shown what a refusal shows: the name, or the address that it is part of
     * @throws InvalidMessageException for anything that is no host name, and for an international one without ICU4J
     */
    static String canonical(String field, String limit, String name, String shown) {
        String ascii = SingleLineText.isAscii(name) ? name : fromUnicode(field, limit, name, shown);
        if (ascii.length() > LENGTH
                || !NAME.matcher(ascii).matches()
                || LAST_LABEL_OF_DIGITS.matcher(ascii).matches()) {
            throw new InvalidMessageException(field, limit, shown);
        }
        return ascii.toLowerCase(Locale.ROOT);
    }

    private static String fromUnicode(String field, String limit, String name, String shown) {
        try {
            MissingLibraryException.require("An international domain", "com.ibm.icu.text.IDNA", "com.ibm.icu:icu4j");
        } catch (MissingLibraryException e) {
            throw new InvalidMessageException(
                    field, limit, shown, e.getMessage() + ", or write the domain in ASCII (xn--…)");
        }
        try {
            return InternationalHostName.toAscii(name);
        } catch (IllegalArgumentException e) {
            throw new InvalidMessageException(
                    field, limit, shown, "IDNA2008 does not allow the domain: " + e.getMessage());
        }
    }
}
