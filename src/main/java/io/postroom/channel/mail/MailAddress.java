package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Exactly one mailbox, by a grammar stricter than RFC 5322 on purpose: the local part is a dot-atom in ASCII, the domain a host name. No
 * lists, groups, comments, quoted local parts or address literals.
 *
 * @param name display name without blanks at its ends; empty text for none
 * @param address {@code local@domain}; the domain in lower case, an international one in its ASCII form ({@code xn--…}) by IDNA2008, so
 *     that two spellings of a domain are one address. International domains need ICU4J ({@code com.ibm.icu:icu4j}) on the class path
 */
public record MailAddress(String name, String address) {
    /** Longest address: 64 for the local part, 255 for the domain, one for the at sign. */
    public static final int LENGTH = 320;

    public static final int NAME_LENGTH = 200;

    private static final int LOCAL_LENGTH = 64;
    /** Longest text of an address with its name in quotes, each character of the name behind a backslash. */
    private static final int TEXT_LENGTH = LENGTH + 2 * NAME_LENGTH + 5;

    private static final String ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    private static final Pattern LOCAL = Pattern.compile(ATOM + "(\\." + ATOM + ")*");
    /** Characters that RFC 5322 allows in a display name only inside quotes. */
    private static final Pattern NEEDS_QUOTES = Pattern.compile("[()<>\\[\\]:;@\\\\,\"]");

    private static final Pattern QUOTED = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"");
    private static final Pattern QUOTED_PAIR = Pattern.compile("\\\\(.)");
    private static final Pattern TO_BE_QUOTED = Pattern.compile("[\"\\\\]");

    private static final String ONE_MAILBOX = "one mailbox, as in ann@example.org or Ann Lee <ann@example.org>";
    private static final String HOST_NAME = "one mailbox with a host name behind the @";
    private static final String NAME_RULE =
            "A name with any of ( ) < > [ ] : ; @ , \\ \" stands in double quotes as a whole";
    private static final String QUOTED_NAME_RULE =
            "A name in double quotes is quoted as a whole, with \\\" for a quote in it and \\\\ for a backslash";

    /** @throws InvalidMessageException naming field and limit */
    public MailAddress {
        name = SingleLineText.require("name", name, NAME_LENGTH).strip();
        address = canonical("address", address);
    }

    /**
     * Reads {@code ann@example.org}, {@code Ann Lee <ann@example.org>} or {@code "Lee, Ann" <ann@example.org>}. Between the quotes {@code
     * \"} and {@code \\} stand for a quote and a backslash.
     *
     * @param field what a refusal names
     * @throws InvalidMessageException for anything else
     */
    public static MailAddress parse(String field, String text) {
        SingleLineText.require(field, text, TEXT_LENGTH);
        String stripped = text.strip();
        int open = stripped.lastIndexOf('<');
        if (open < 0) {
            return new MailAddress("", canonical(field, stripped));
        }
        if (!stripped.endsWith(">")) {
            throw new InvalidMessageException(field, ONE_MAILBOX, text);
        }
        String name = SingleLineText.require(
                field, readName(field, stripped.substring(0, open).strip()), NAME_LENGTH);
        return new MailAddress(name, canonical(field, stripped.substring(open + 1, stripped.length() - 1)));
    }

    /** Returns the part behind the at sign, in ASCII. */
    public String domain() {
        return address.substring(address.lastIndexOf('@') + 1);
    }

    /** Returns a text that {@link #parse} reads as this address; the name is in quotes when it needs them. */
    @Override
    public String toString() {
        if (name.isEmpty()) {
            return address;
        }
        boolean quoted = NEEDS_QUOTES.matcher(name).find();
        String shown = quoted ? '"' + TO_BE_QUOTED.matcher(name).replaceAll("\\\\$0") + '"' : name;
        return shown + " <" + address + ">";
    }

    private static String readName(String field, String name) {
        if (!name.startsWith("\"")) {
            if (NEEDS_QUOTES.matcher(name).find()) {
                throw new InvalidMessageException(field, ONE_MAILBOX, name, NAME_RULE);
            }
            return name;
        }
        Matcher quoted = QUOTED.matcher(name);
        if (!quoted.matches()) {
            throw new InvalidMessageException(field, ONE_MAILBOX, name, QUOTED_NAME_RULE);
        }
        return QUOTED_PAIR.matcher(quoted.group(1)).replaceAll("$1");
    }

    private static String canonical(String field, String address) {
        if (address.length() > LENGTH) {
            throw new InvalidMessageException(field, "at most " + LENGTH + " characters", address);
        }
        int at = address.lastIndexOf('@');
        String local = at < 0 ? "" : address.substring(0, at);
        if (!SingleLineText.isAscii(local)) {
            throw new InvalidMessageException(field, "ASCII in front of the @", address);
        }
        if (local.length() > LOCAL_LENGTH || !LOCAL.matcher(local).matches()) {
            throw new InvalidMessageException(field, ONE_MAILBOX, address);
        }
        return local + "@" + HostName.canonical(field, HOST_NAME, address.substring(at + 1), address);
    }
}
