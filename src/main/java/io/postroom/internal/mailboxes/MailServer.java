package io.postroom.internal.mailboxes;

import jakarta.mail.AuthenticationFailedException;
import jakarta.mail.Folder;
import jakarta.mail.FolderNotFoundException;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.Store;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Properties;

/** Connects to the mail server of an entry, with time limits for each wait and with the server's name checked. */
final class MailServer {
    private MailServer() {}

    /**
     * Connects and logs in.
     *
     * @param sockets gets the connection, so that another thread can cut it
     */
    static Store connect(MailboxEntry entry, String secret, CutSockets sockets) throws MailboxException {
        String protocol = entry.protocol().word();
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(Session.class.getClassLoader()); // the library finds its parts by it
        try {
            Store store = Session.getInstance(properties(entry, sockets)).getStore(protocol);
            store.connect(bare(entry.host()), entry.port(), entry.user(), secret);
            return store;
        } catch (MessagingException failed) {
            sockets.cut();
            throw failure(entry, failed);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    /** For threads of our own: the library finds its parts by the context class loader. */
    static void prepareThread() {
        Thread.currentThread().setContextClassLoader(Session.class.getClassLoader());
    }

    private static String bare(String host) {
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    private static Properties properties(MailboxEntry entry, CutSockets sockets) {
        String prefix = "mail." + entry.protocol().word() + ".";
        Properties properties = new Properties();
        properties.setProperty(prefix + "connectiontimeout", millis(entry.connectTimeout()));
        properties.setProperty(prefix + "timeout", millis(entry.readTimeout()));
        properties.setProperty(prefix + "writetimeout", millis(entry.readTimeout()));
        properties.setProperty(prefix + "ssl.checkserveridentity", "true");
        if (!entry.protocol().isTls()) {
            properties.setProperty(prefix + "starttls.enable", "true");
            properties.setProperty(prefix + "starttls.required", String.valueOf(entry.isEncryptionNeeded()));
        }
        properties.put(prefix + "socketFactory", sockets);
        properties.setProperty(prefix + "socketFactory.fallback", "false");
        properties.setProperty(prefix + "fetchsize", String.valueOf(256 * 1024));
        properties.setProperty(prefix + "minidletime", "0");
        properties.setProperty("mail.mime.allowutf8", "true");
        return properties;
    }

    private static String millis(Duration time) {
        return String.valueOf(time.toMillis());
    }

    /** Says what failed, with the server's own words. */
    static MailboxException failure(MailboxEntry entry, Exception failed) {
        // The library says of a POP3 server without STARTTLS that the login failed; it was not tried.
        boolean isLogin = failed instanceof AuthenticationFailedException
                && !String.valueOf(failed.getMessage()).startsWith("STLS required");
        Throwable root = failed;
        for (int depth = 0; root.getCause() != null && depth < 10; depth++) {
            root = root.getCause();
        }
        String words = String.valueOf(root.getMessage());
        if (root instanceof UnknownHostException) {
            words = "no such host";
        } else if (failed instanceof FolderNotFoundException missing) {
            Folder wanted = missing.getFolder(); // also the one that mails are moved to
            words = "there is no folder " + (wanted == null ? entry.folder() : wanted.getFullName());
        } else if (root != failed || root.getMessage() == null) {
            words = root.getClass().getSimpleName() + ": " + words;
        }
        return new MailboxException(
                (isLogin ? "the login as " + entry.user() + " was refused by " : "failed at ") + entry.host() + ":"
                        + entry.port() + ": " + words,
                isLogin,
                failed);
    }
}
