package io.postroom.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Says whom a command asks: a server, a database, or several. */
final class BackendOptions {
    static final String USUAL_URL = "http://127.0.0.1:8080";
    private static final long LONGEST_SECRET = 8192;

    @Option(
            names = "--url",
            paramLabel = "URL",
            description = "The server to ask; default: the variable POSTROOM_URL, else " + USUAL_URL)
    @Nullable
    String url;

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "A file with the server's token; default: the variable POSTROOM_TOKEN")
    @Nullable
    Path tokenFile;

    @Option(
            names = "--db",
            paramLabel = "JDBC-URL",
            description = "The database to ask instead of a server, as in jdbc:postgresql://db.example/app")
    @Nullable
    String database;

    @Option(
            names = "--db-user",
            paramLabel = "USER",
            description = "The user of the database; default: the variable PGUSER")
    @Nullable
    String user;

    @Option(
            names = "--db-password-file",
            paramLabel = "FILE",
            description = "A file with the password; default: the variable PGPASSWORD, else ~/.pgpass")
    @Nullable
    Path passwordFile;

    @Option(
            names = "--homes-file",
            paramLabel = "FILE",
            description = "Ask several databases instead: a file of properties that names them, see docs/cli.md")
    @Nullable
    Path homesFile;

    @Option(names = "--home", paramLabel = "NAME", description = "Ask this one of the databases of --homes-file alone")
    @Nullable
    String home;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "30",
            description = "Most seconds to wait for an answer of the server; default 30")
    int timeout;

    Backend open(Terminal terminal) {
        if (timeout < 1 || timeout > 3600) {
            throw CliException.usage("--timeout must be 1 to 3600 seconds, got " + timeout);
        }
        if (homesFile != null) {
            if (database != null || url != null || tokenFile != null || user != null || passwordFile != null) {
                throw CliException.usage(
                        "--homes-file says what to ask: leave out --url, --token-file, --db and what belongs to it");
            }
            HomesFile homes = HomesFile.open(homesFile, terminal);
            return home == null ? new HomesBackend(homes.toLook()) : homes.only(home);
        } else if (home != null) {
            throw CliException.usage("--home needs --homes-file");
        }
        if (database == null) {
            if (user != null || passwordFile != null) {
                throw CliException.usage("--db-user and --db-password-file need --db");
            }
            return new HttpBackend(
                    new HttpApi(
                            url(terminal),
                            token(secret("--token-file", tokenFile, terminal.variable("POSTROOM_TOKEN")))),
                    Duration.ofSeconds(timeout));
        } else if (url != null || tokenFile != null) {
            throw CliException.usage("Give --url or --db, not both: a command asks a server or a database");
        }
        return DatabaseBackend.open(
                database,
                user == null ? terminal.variable("PGUSER") : user,
                secret("--db-password-file", passwordFile, terminal.variable("PGPASSWORD")));
    }

    private String url(Terminal terminal) {
        String given = url == null ? terminal.variable("POSTROOM_URL") : url;
        return given == null ? USUAL_URL : given;
    }

    /** Reads a secret from its file, whose last line end does not count. */
    private static @Nullable String secret(String option, @Nullable Path file, @Nullable String variable) {
        String secret = variable;
        if (file != null) {
            try {
                if (Files.size(file) > LONGEST_SECRET) {
                    throw CliException.usage(option + " must have at most " + LONGEST_SECRET + " bytes: " + file);
                }
                secret = withoutByteOrderMark(Files.readString(file)).strip();
            } catch (IOException unreadable) {
                throw CliException.usage(option + " cannot be read: " + file);
            }
        }
        if (secret != null && secret.chars().anyMatch(c -> c < ' ' || c == 0x7F)) {
            throw CliException.usage(option + " or its variable must be one line without control characters");
        }
        return secret;
    }

    /** A header takes no other characters, and the error of one that has them shows the whole token. */
    private static @Nullable String token(@Nullable String secret) {
        if (secret != null && secret.chars().anyMatch(c -> c > '~')) {
            throw CliException.usage(
                    "--token-file or POSTROOM_TOKEN must have letters, digits and signs of ASCII alone."
                            + " Was a dash or a dot replaced while it was copied?");
        }
        return secret;
    }

    /** Editors of Windows put one before a text. */
    private static String withoutByteOrderMark(String text) {
        return text.startsWith("\uFEFF") ? text.substring(1) : text;
    }
}
