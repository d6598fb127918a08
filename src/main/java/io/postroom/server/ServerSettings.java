package io.postroom.server;

import io.postroom.channel.mail.MailSettings;
import java.nio.file.Path;
import org.springframework.core.env.Environment;

/**
 * Settings of the server beside Spring Boot's own properties and the starter's.
 *
 * @param databaseGiven whether a database was given ({@code spring.datasource.url}); else the server keeps one of its own
 * @param directory where it keeps that, and the demo its mails: {@code postroom.server.directory}, default {@code .postroom}
 * @param databasePort of the database of its own, on 127.0.0.1: {@code postroom.server.database-port}, default any free one
 * @param demo {@code postroom.demo}: {@code true}, {@code false} or {@code again}, default true with a database of its own and false with a
 *     given one
 */
record ServerSettings(boolean databaseGiven, Path directory, int databasePort, Demo demo) {
    static final String DATABASE_URL = "spring.datasource.url";
    static final String DIRECTORY = "postroom.server.directory";
    static final String DATABASE_PORT = "postroom.server.database-port";
    static final String DEMO = "postroom.demo";

    /** Whether the worked example runs. */
    enum Demo {
        OFF,
        /** Plays the events once. A restart goes on where it was, and a finished demo only says so. */
        ON,
        /** Plays the events from the start of the file. */
        AGAIN
    }

    static ServerSettings of(Environment environment) {
        String url = environment.getProperty(DATABASE_URL, "").strip();
        boolean databaseGiven = !url.isEmpty();
        if (databaseGiven && !url.startsWith("jdbc:postgresql:")) {
            throw new ServerStartException(
                    DATABASE_URL
                            + " must name a PostgreSQL, as in jdbc:postgresql://db.example:5432/postroom, and does not begin with"
                            + " jdbc:postgresql:. A user and a password go into spring.datasource.username and spring.datasource.password");
        }
        return new ServerSettings(
                databaseGiven,
                Path.of(environment.getProperty(DIRECTORY, EmbeddedDatabase.DEFAULT_DIRECTORY.toString())),
                environment.getProperty(DATABASE_PORT, Integer.class, 0),
                demo(environment.getProperty(DEMO, String.valueOf(!databaseGiven))));
    }

    /**
     * Returns the folder for the demo's mails where there is no mail server. Without a database of its own the server must not create
     * {@link #directory}: {@link EmbeddedDatabase} refuses a directory that holds other files.
     */
    Path mails() {
        return databaseGiven ? MailSettings.DEFAULT_FOLDER : directory.resolve("mails");
    }

    /** Returns the folder for the demo's files of orders, beside that of its mails. */
    Path inbox() {
        return mails().resolveSibling("inbox");
    }

    private static Demo demo(String value) {
        return switch (value.strip()) {
            case "true" -> Demo.ON;
            case "false" -> Demo.OFF;
            case "again" -> Demo.AGAIN;
            default -> throw new ServerStartException(DEMO + " must be true, false or again, is " + value);
        };
    }
}
