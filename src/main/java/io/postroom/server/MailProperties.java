package io.postroom.server;

import io.postroom.channel.mail.MailSettings;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Where the server's mails go; what is not set stays as in {@link MailSettings}.
 *
 * @param host SMTP server. Without one, mails are written as files.
 * @param port Port of the SMTP server.
 * @param encryption How the line to the SMTP server is protected: none, start-tls or tls.
 * @param username Login at the SMTP server.
 * @param password Password at the SMTP server.
 * @param from Sender of the mails.
 * @param domain Domain of Message-IDs. That of the sender by default.
 * @param folder Folder for mails without an SMTP server.
 */
@ConfigurationProperties("postroom.mail")
record MailProperties(
        @Nullable String host,
        @Nullable Integer port,
        MailSettings.@Nullable Encryption encryption,
        @Nullable String username,
        @Nullable String password,
        @Nullable String from,
        @Nullable String domain,
        @Nullable Path folder) {

    MailSettings settings(Path defaultFolder) {
        MailSettings settings = MailSettings.defaults().folder(folder == null ? defaultFolder : folder);
        settings = host == null ? settings : settings.host(host);
        settings = port == null ? settings : settings.port(port);
        settings = encryption == null ? settings : settings.encryption(encryption);
        settings = username == null ? settings : settings.login(username, password == null ? "" : password);
        settings = from == null ? settings : settings.from(from);
        return domain == null ? settings : settings.domain(domain);
    }
}
