package io.postroom.server;

import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.core.env.Environment;

/**
 * Holds the addresses of the running server and its database, as text to paste into a shell.
 *
 * @param url where the HTTP API listens, as in {@code http://127.0.0.1:8080}
 * @param curl what {@code curl} needs before the path: the token, if there is one, and the URL
 * @param psql opens the database
 */
record ListenAddresses(String url, String curl, String psql) {

    /** @param environment of a server whose web is up */
    static ListenAddresses of(
            Environment environment, AccessRules rules, ServerSettings settings, JdbcConnectionDetails database) {
        String address = environment.getProperty(AccessRules.ADDRESS, "");
        boolean everywhere = address.isEmpty() || address.equals("0.0.0.0") || address.equals("::");
        String host = everywhere ? "127.0.0.1" : address.contains(":") ? "[" + address + "]" : address;
        boolean encrypted = environment.containsProperty("server.ssl.bundle")
                || environment.containsProperty("server.ssl.key-store");
        String url = (encrypted ? "https://" : "http://") + host + ":" + environment.getProperty("local.server.port");
        return new ListenAddresses(
                url,
                rules.asksForToken() ? "-H \"Authorization: Bearer $POSTROOM_TOKEN\" " + url : url,
                psql(settings, database));
    }

    private static String psql(ServerSettings settings, JdbcConnectionDetails database) {
        String url = database.getJdbcUrl().replaceFirst("^jdbc:", "").replaceFirst("\\?.*", "");
        String open = "psql -U " + database.getUsername() + " " + url;
        return settings.databaseGiven()
                ? open
                : "PGPASSWORD=$(cat " + settings.directory().resolve("password") + ") " + open;
    }
}
