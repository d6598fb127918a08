package io.postroom.server;

import io.postroom.api.PostroomException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.springframework.boot.context.config.ConfigDataException;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.web.server.PortInUseException;

/** Says in a sentence why the server did not start. Shows the whole exception where no sentence is known for it. */
final class StartFailure {
    /** SQLSTATEs for no connection, wrong user or password, no such database: appendix A of the PostgreSQL manual. */
    private static final Set<String> SHUT_OUT = Set.of("08001", "08004", "08006", "28000", "28P01", "3D000");

    /**
     * Passwords where drivers, pools and Spring repeat the settings that they were given: in an address, or behind their name. A
     * password may have any character. So all is hidden up to the last @ of an address, or behind the name up to the next white space, even
     * where settings follow that are no secret.
     */
    private static final Pattern SECRET =
            Pattern.compile("(?i)(//[^/\\s:]*:)\\S*(?=@)|((?:password|passwd|secret|token)[\"']?\\s?[=:]\\s?)\\S+");

    private StartFailure() {}

    static String explain(Throwable failure) {
        return SECRET.matcher(sentence(failure)).replaceAll("$1$2***");
    }

    private static String sentence(Throwable failure) {
        List<Throwable> causes = new ArrayList<>();
        for (Throwable cause = failure; cause != null && causes.size() < 50; cause = cause.getCause()) {
            causes.add(cause);
        }
        // The outer exceptions say what was being done; that the database refuses the login says more.
        return Stream.concat(
                        causes.stream().map(StartFailure::shutOut),
                        causes.stream().map(StartFailure::known))
                .flatMap(Optional::stream)
                .findFirst()
                .map(sentence -> "Postroom does not start. " + sentence)
                .orElseGet(() -> "Postroom does not start, for a reason it has no words for:\n" + whole(failure));
    }

    private static Optional<String> shutOut(Throwable cause) {
        return cause instanceof SQLException sql && SHUT_OUT.contains(String.valueOf(sql.getSQLState()))
                ? Optional.of(
                        "The database cannot be used: " + sql.getMessage()
                                + "\nIt was given as spring.datasource.url, spring.datasource.username and spring.datasource.password.")
                : Optional.empty();
    }

    private static Optional<String> known(Throwable cause) {
        if (cause instanceof PortInUseException taken) {
            return Optional.of(portInUse(taken.getPort()));
        }
        boolean speaks = cause instanceof ServerStartException
                || cause instanceof EmbeddedDatabaseException
                || cause instanceof PostroomException
                || cause instanceof InvalidConfigurationPropertyValueException
                || cause instanceof BindException
                || cause instanceof ConfigDataException;
        return speaks ? Optional.ofNullable(cause.getMessage()) : Optional.empty();
    }

    private static String whole(Throwable failure) {
        StringWriter all = new StringWriter();
        failure.printStackTrace(new PrintWriter(all));
        return all.toString();
    }

    static String portInUse(int port) {
        return "Port " + port + " is in use by another program. Stop that one, or take another port: --server.port="
                + (port + 1);
    }
}
