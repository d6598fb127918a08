package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * An address that may be called: http or https, a host, no user and password, no fragment. Numbers stand in the one form that all programs
 * read alike: {@code 0177.0.0.1} is 177.0.0.1 for Java and 127.0.0.1 for others.
 *
 * @param host in lower case, as it stands in the address
 */
record Endpoint(URI uri, String host) {
    private static final String OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
    private static final Pattern IPV4 = Pattern.compile(OCTET + "(\\." + OCTET + "){3}");
    private static final Pattern ENDS_IN_NUMBER = Pattern.compile("(.*\\.)?(\\d+|0[xX][0-9a-fA-F]*)\\.?");
    private static final String LIMIT = "an http or https address with a host, without user, password and fragment";

    /** @throws InvalidMessageException it is no such address; a user and password are not shown */
    static Endpoint of(String text) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException unreadable) {
            throw new InvalidMessageException("endpoint", LIMIT, text.contains("@") ? "not shown" : text);
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (uri.getRawAuthority() != null && uri.getRawAuthority().contains("@")) {
            throw new InvalidMessageException("endpoint", LIMIT, "not shown");
        } else if (!scheme.equals("http") && !scheme.equals("https")
                || uri.getHost() == null
                || uri.getRawFragment() != null) {
            throw new InvalidMessageException("endpoint", LIMIT, text);
        } else if (uri.getPort() == 0 || uri.getPort() > 65535) {
            throw new InvalidMessageException("endpoint", "an address with a port of 1 to 65535", text);
        } else if (!text.chars().allMatch(c -> c > ' ' && c < 0x7F)) {
            throw new InvalidMessageException("endpoint", "of ASCII characters: write others as %C3%A9 or xn--…", text);
        }
        String host = uri.getHost().toLowerCase(Locale.ROOT);
        if (ENDS_IN_NUMBER.matcher(host).matches() && !IPV4.matcher(host).matches()) {
            throw new InvalidMessageException("endpoint", "an IPv4 address of four decimal numbers", host);
        }
        return new Endpoint(uri, host);
    }

    /** @param patterns names as in {@code api.example.com} or {@code *.example.com}; empty: any */
    boolean isAmong(Set<String> patterns) {
        return patterns.isEmpty()
                || patterns.stream()
                        .anyMatch(allowed -> allowed.startsWith("*.")
                                ? host.endsWith(allowed.substring(1)) && host.length() > allowed.length() - 1
                                : host.equals(allowed));
    }

    /** Whether it names an address of this machine or of a private network. A name is looked up when it is called, and not here. */
    boolean isPrivateLiteral() {
        boolean literal = host.startsWith("[") || IPV4.matcher(host).matches();
        try {
            return literal && !PublicAddresses.isPublic(InetAddress.getByName(host));
        } catch (UnknownHostException zone) {
            return true; // a zone of another machine, as in [fe80::1%eth9]
        }
    }

    /** Appends a path, which begins with a slash or a question mark, to that of the endpoint. */
    Endpoint withPath(String path) {
        String root = uri.toString();
        return of((root.endsWith("/") && path.startsWith("/") ? root.substring(0, root.length() - 1) : root) + path);
    }
}
