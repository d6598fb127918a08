package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Says where mails go and how. Immutable: every method returns a changed copy.
 *
 * <pre>{@code
 * MailSettings.defaults().host("smtp.example.org").login("app", secret).from("Tickets <tickets@example.org>")
 * }</pre>
 *
 * @param host SMTP server; empty: mails are written as files into {@code folder}
 * @param port default 587, the port for submission
 * @param encryption default {@link Encryption#START_TLS}; without it user name, password and mails can be read on the way
 * @param username default none: no AUTH
 * @param from sender of mails that name none; default {@code postroom@localhost}, which no SMTP server outside takes
 * @param domain behind the at sign of Message-IDs, and the name in the greeting to the server; kept in lower case and ASCII, as in {@link
 *     MailAddress}; default the sender's domain. Never change it: a repeat under another domain is another mail
 * @param connectTimeout to wait for the TCP connection; default 10 s
 * @param readTimeout to wait for each answer, from its first to its last byte; default 60 s. Less means more doubles: a server that takes
 *     a mail but answers the end of DATA too late gets it again
 * @param writeTimeout to wait for the server to take bytes; default 60 s
 * @param poolSize most connections at a time, 1 to 100; default 4. Handlers beyond it wait
 * @param connectionMaxAge a connection older than that is closed; default 5 min
 * @param mailsPerConnection a connection that carried that many is closed, 1 or more; default 100, as servers commonly allow
 * @param parkFor how long a server that takes nothing now is left alone; default 30 s, at least 1 s
 * @param folder for mails without a server; default {@code mails}, made when absent
 */
public record MailSettings(
        Optional<String> host,
        int port,
        Encryption encryption,
        Optional<String> username,
        Optional<String> password,
        MailAddress from,
        Optional<String> domain,
        Duration connectTimeout,
        Duration readTimeout,
        Duration writeTimeout,
        int poolSize,
        Duration connectionMaxAge,
        int mailsPerConnection,
        Duration parkFor,
        Path folder) {
    public static final int DEFAULT_PORT = 587;
    public static final Encryption DEFAULT_ENCRYPTION = Encryption.START_TLS;
    public static final String DEFAULT_FROM = "postroom@localhost";
    public static final Duration DEFAULT_CONNECT_TIMEOUT = Duration.ofSeconds(10);
    public static final Duration DEFAULT_READ_TIMEOUT = Duration.ofSeconds(60);
    public static final Duration DEFAULT_WRITE_TIMEOUT = Duration.ofSeconds(60);
    public static final int DEFAULT_POOL_SIZE = 4;
    public static final Duration DEFAULT_CONNECTION_MAX_AGE = Duration.ofMinutes(5);
    public static final int DEFAULT_MAILS_PER_CONNECTION = 100;
    public static final Duration DEFAULT_PARK_FOR = Duration.ofSeconds(30);
    public static final Path DEFAULT_FOLDER = Path.of("mails");

    /** Protection of the connection to the server. Certificates and host names are always checked. */
    public enum Encryption {
        /** No encryption: for a server on this machine, or a test. */
        NONE,
        /** STARTTLS on a plain connection; a server that does not offer it is not used. Port 587. */
        START_TLS,
        /** TLS from the first byte. Port 465. */
        TLS
    }

    /** @throws IllegalArgumentException naming the setting and its range */
    public MailSettings {
        host = host.filter(name -> !name.isBlank());
        username = username.filter(name -> !name.isBlank());
        domain = domain.filter(name -> !name.isBlank()).map(MailSettings::canonicalDomain);
        require(port >= 1 && port <= 65_535, "port must be 1 to 65535, is " + port);
        require(username.isEmpty() || password.isPresent(), "username needs a password");
        requireAtLeast("connectTimeout", connectTimeout, Duration.ofMillis(1));
        requireAtLeast("readTimeout", readTimeout, Duration.ofMillis(1));
        requireAtLeast("writeTimeout", writeTimeout, Duration.ofMillis(1));
        require(poolSize >= 1 && poolSize <= 100, "poolSize must be 1 to 100, is " + poolSize);
        requireAtLeast("connectionMaxAge", connectionMaxAge, Duration.ofMillis(1));
        require(mailsPerConnection >= 1, "mailsPerConnection must be 1 or more, is " + mailsPerConnection);
        requireAtLeast("parkFor", parkFor, Duration.ofSeconds(1));
    }

    /** Returns settings without a server: mails become files in {@link #DEFAULT_FOLDER}. */
    public static MailSettings defaults() {
        return new MailSettings(
                Optional.empty(),
                DEFAULT_PORT,
                DEFAULT_ENCRYPTION,
                Optional.empty(),
                Optional.empty(),
                MailAddress.parse("from", DEFAULT_FROM),
                Optional.empty(),
                DEFAULT_CONNECT_TIMEOUT,
                DEFAULT_READ_TIMEOUT,
                DEFAULT_WRITE_TIMEOUT,
                DEFAULT_POOL_SIZE,
                DEFAULT_CONNECTION_MAX_AGE,
                DEFAULT_MAILS_PER_CONNECTION,
                DEFAULT_PARK_FOR,
                DEFAULT_FOLDER);
    }

    public MailSettings host(String host) {
        return with(values -> values.host = Optional.of(host));
    }

    public MailSettings port(int port) {
        return with(values -> values.port = port);
    }

    public MailSettings encryption(Encryption encryption) {
        return with(values -> values.encryption = encryption);
    }

    public MailSettings login(String username, String password) {
        return with(values -> {
            values.username = Optional.of(username);
            values.password = Optional.of(password);
        });
    }

    /** @throws InvalidMessageException unless it is one mailbox */
    public MailSettings from(String mailbox) {
        MailAddress sender = MailAddress.parse("from", mailbox);
        return with(values -> values.from = sender);
    }

    public MailSettings domain(String domain) {
        return with(values -> values.domain = Optional.of(domain));
    }

    public MailSettings timeouts(Duration connect, Duration read, Duration write) {
        return with(values -> {
            values.connectTimeout = connect;
            values.readTimeout = read;
            values.writeTimeout = write;
        });
    }

    public MailSettings poolSize(int connections) {
        return with(values -> values.poolSize = connections);
    }

    public MailSettings connectionMaxAge(Duration age) {
        return with(values -> values.connectionMaxAge = age);
    }

    public MailSettings mailsPerConnection(int mails) {
        return with(values -> values.mailsPerConnection = mails);
    }

    public MailSettings parkFor(Duration duration) {
        return with(values -> values.parkFor = duration);
    }

    public MailSettings folder(Path folder) {
        return with(values -> values.folder = folder);
    }

    /** Returns the domain of Message-IDs: the one that was set, else the sender's. */
    public String effectiveDomain() {
        return domain.orElseGet(from::domain);
    }

    /** Describes the settings without the password. */
    @Override
    public String toString() {
        return host.map(name -> "SMTP server " + name + ":" + port + " (" + encryption + ", from " + from
                        + username.map(user -> ", as " + user).orElse("") + ")")
                .orElseGet(() -> "files in " + folder + " (from " + from + ")");
    }

    private MailSettings with(Consumer<Values> change) {
        Values values = new Values(this);
        change.accept(values);
        return values.toSettings();
    }

    private static String canonicalDomain(String domain) {
        try {
            return HostName.canonical("domain", "a host name", domain, domain);
        } catch (InvalidMessageException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private static void requireAtLeast(String name, Duration value, Duration least) {
        require(
                value.compareTo(least) >= 0 && value.compareTo(Duration.ofDays(1)) <= 0,
                name + " must be " + least + " to PT24H, is " + value);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /** The settings as fields that can be changed, to make a changed copy. */
    private static final class Values {
        private Optional<String> host;
        private int port;
        private Encryption encryption;
        private Optional<String> username;
        private Optional<String> password;
        private MailAddress from;
        private Optional<String> domain;
        private Duration connectTimeout;
        private Duration readTimeout;
        private Duration writeTimeout;
        private int poolSize;
        private Duration connectionMaxAge;
        private int mailsPerConnection;
        private Duration parkFor;
        private Path folder;

        private Values(MailSettings settings) {
            host = settings.host;
            port = settings.port;
            encryption = settings.encryption;
            username = settings.username;
            password = settings.password;
            from = settings.from;
            domain = settings.domain;
            connectTimeout = settings.connectTimeout;
            readTimeout = settings.readTimeout;
            writeTimeout = settings.writeTimeout;
            poolSize = settings.poolSize;
            connectionMaxAge = settings.connectionMaxAge;
            mailsPerConnection = settings.mailsPerConnection;
            parkFor = settings.parkFor;
            folder = settings.folder;
        }

        private MailSettings toSettings() {
            return new MailSettings(
                    host,
                    port,
                    encryption,
                    username,
                    password,
                    from,
                    domain,
                    connectTimeout,
                    readTimeout,
                    writeTimeout,
                    poolSize,
                    connectionMaxAge,
                    mailsPerConnection,
                    parkFor,
                    folder);
        }
    }
}
