package io.postroom.channel.mail;

import com.ibm.icu.text.IDNA;
import java.util.Locale;
import java.util.stream.Collectors;

/** Converts by ICU4J. A class of its own, so that {@link HostName} loads without the library. */
final class InternationalHostName {
    /**
     * UTS 46 without its transitional form: ß, ς, zero-width joiner and non-joiner are letters of their own, as in IDNA2008. Joiners are
     * refused where IDNA2008 does not allow them, so none vanishes.
     */
    private static final IDNA UTS_46 = IDNA.getUTS46Instance(IDNA.NONTRANSITIONAL_TO_ASCII
            | IDNA.NONTRANSITIONAL_TO_UNICODE
            | IDNA.USE_STD3_RULES
            | IDNA.CHECK_BIDI
            | IDNA.CHECK_CONTEXTJ);

    private InternationalHostName() {}

    /** @throws IllegalArgumentException with the broken rules, by their names in UTS 46 */
    static String toAscii(String name) {
        IDNA.Info info = new IDNA.Info();
        String ascii = UTS_46.nameToASCII(name, new StringBuilder(), info).toString();
        if (info.hasErrors()) {
            throw new IllegalArgumentException(info.getErrors().stream()
                    .map(error -> error.name().toLowerCase(Locale.ROOT).replace('_', ' '))
                    .sorted()
                    .collect(Collectors.joining(", ")));
        }
        return ascii;
    }
}
