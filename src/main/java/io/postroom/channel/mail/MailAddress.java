package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import java.util.regex.Pattern;

/**
 * Exactly one mailbox, by a grammar stricter than RFC 5322 on purpose: the local part is a dot-atom in ASCII, the domain a host name. No
 * lists, groups, comments, quoted local parts or address literals.
 *
 * @param name display name; empty text for none
 * @param address {@code local@domain}; the domain in lower case, an international one in its ASCII form ({@code xn--…}) by IDNA2008, so
 *     that two spellings of a domain are one address. International domains need ICU4J ({@code com.ibm.icu:icu4j}) on the class path
 */
public record MailAddress(String name, String address) {
    /** Longest address: 64 for the local part, 255 for the domain, one for the at sign. */
    public static final int LENGTH = 320;

    public static final int NAME_LENGTH = 200;

    private static final int LOCAL_LENGTH = 64;
    private static final String ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    private static final Pattern LOCAL = Pattern.compile(ATOM + "(\\." + ATOM + ")*");
    /** Characters that RFC 5322 allows in a display name only inside quotes. */
    private static final Pattern NEEDS_QUOTES = Pattern.compile("[()<>\\[\\]:;@\\\\,\"]");

    private static final String ONE_MAILBOX = "one mailbox, as in ann@example.org or Ann Lee <ann@example.org>";
    private static final String HOST_NAME = "one mailbox with a host name behind the @";

    /** @throws InvalidMessageException naming field and limit */
    public MailAddress {
        name = SingleLineText.require("name", name, NAME_LENGTH);
        address = canonical("address", address);
    }

    /**
     * Reads {@code ann@example.org}, {@code Ann Lee <ann@example.org>} or {@code "Lee, Ann" <ann@example.org>}.
     *
     * @param field what a refusal names
     * @throws InvalidMessageException for anything else
     */
    public static MailAddress parse(String field, String text) {
        SingleLineText.require(field, text, LENGTH + NAME_LENGTH);
        String trimmed = text.trim();
        int open = trimmed.lastIndexOf('<');
        if (open < 0) {
            return new MailAddress("", canonical(field, trimmed));
        }
        if (!trimmed.endsWith(">")) {
            throw new InvalidMessageException(field, ONE_MAILBOX, text);
        }
        String name = SingleLineText.require(
                field, unquote(field, trimmed.substring(0, open).trim()), NAME_LENGTH);
        return new MailAddress(name, canonical(field, trimmed.substring(open + 1, trimmed.length() - 1)));
    }

    /** Returns the part behind the at sign, in ASCII. */
    public String domain() {
        return address.substring(address.lastIndexOf('@') + 1);
    }

    @Override
    public String toString() {
        return name.isEmpty() ? address : name + " <" + address + ">";
    }

    private static String unquote(String field, String name) {
        String unquoted = name;
        if (name.length() > 1 && name.startsWith("\"") && name.endsWith("\"")) {
            unquoted = name.substring(1, name.length() - 1);
            if (unquoted.indexOf('"') < 0 && unquoted.indexOf('\\') < 0) {
                return unquoted;
            }
        }
        if (NEEDS_QUOTES.matcher(unquoted).find()) {
            throw new InvalidMessageException(field, ONE_MAILBOX, name);
        }
        return unquoted;
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
