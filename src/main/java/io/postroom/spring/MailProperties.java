package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.channel.mail.MailSettings;
import io.postroom.channel.mail.MailSettings.Encryption;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the mail channel. Defaults are those of {@link MailSettings}.
 *
 * @param host SMTP server. Without one, mails are written as files into the folder.
 * @param port Port of the SMTP server.
 * @param encryption How the line to the server is protected. Certificates and host names are always checked.
 * @param username User name at the SMTP server.
 * @param password Password at the SMTP server.
 * @param from Sender of mails that name none.
 * @param domain Domain of Message-IDs and of the greeting. The sender's by default.
 * @param connectTimeout Longest wait for a connection.
 * @param readTimeout Longest wait for an answer.
 * @param writeTimeout Longest wait for the server to take bytes.
 * @param poolSize Most connections at a time, 1 to 100.
 * @param connectionMaxAge Longest life of a connection.
 * @param mailsPerConnection Most mails over one connection.
 * @param parkFor How long a server that takes nothing now is left alone.
 * @param folder Folder for mails without a server.
 * @param templates Folder of Thymeleaf templates on the class path, as in com/example/mails.
 */
@ConfigurationProperties("postroom.mail")
record MailProperties(
        @Nullable String host,
        @DefaultValue("587") int port,
        @DefaultValue("start-tls") Encryption encryption,
        @Nullable String username,
        @Nullable String password,
        @DefaultValue("postroom@localhost") String from,
        @Nullable String domain,
        @DefaultValue("10s") Duration connectTimeout,
        @DefaultValue("60s") Duration readTimeout,
        @DefaultValue("60s") Duration writeTimeout,
        @DefaultValue("4") int poolSize,
        @DefaultValue("5m") Duration connectionMaxAge,
        @DefaultValue("100") int mailsPerConnection,
        @DefaultValue("30s") Duration parkFor,
        @Nullable String folder,
        @Nullable String templates) {

    MailSettings toSettings() {
        try {
            return settings();
        } catch (IllegalArgumentException | InvalidMessageException refused) {
            throw new StartProblem(
                    "The mail settings cannot be used: " + refused.getMessage(), "Correct postroom.mail.*", refused);
        }
    }

    /** A property that is set and empty is a variable that is not set: without these checks mails would be written where nobody looks. */
    private void requireNothingEmpty() {
        if (isEmpty(host) && isEmpty(folder) && (host != null || folder != null)) {
            throw new IllegalArgumentException(
                    host != null
                            ? "postroom.mail.host is empty, and no folder is named: mails would go to no server"
                            : "postroom.mail.folder is empty, and no server is named");
        } else if (isEmpty(username) && !isEmpty(password)) {
            throw new IllegalArgumentException("postroom.mail.username is empty, and there is a password");
        } else if (!isEmpty(username) && isEmpty(password)) {
            throw new IllegalArgumentException("postroom.mail.password is empty, and there is a user name");
        } else if (templates != null && templates.isBlank()) {
            throw new IllegalArgumentException("postroom.mail.templates is empty: name a folder, or leave it out");
        }
    }

    private static boolean isEmpty(@Nullable String value) {
        return value == null || value.isBlank();
    }

    private MailSettings settings() {
        requireNothingEmpty();
        MailSettings settings = MailSettings.defaults()
                .port(port)
                .encryption(encryption)
                .from(from)
                .timeouts(connectTimeout, readTimeout, writeTimeout)
                .poolSize(poolSize)
                .connectionMaxAge(connectionMaxAge)
                .mailsPerConnection(mailsPerConnection)
                .parkFor(parkFor);
        settings = host == null ? settings : settings.host(host);
        settings = domain == null ? settings : settings.domain(domain);
        // Bound as text: as a Path, Spring would take a folder of that name on the class path.
        settings = folder == null || folder.isBlank() ? settings : settings.folder(Path.of(folder));
        return username == null || username.isBlank()
                ? settings
                : settings.login(username, password == null ? "" : password);
    }
}
