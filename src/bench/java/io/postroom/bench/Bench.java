package io.postroom.bench;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Stream;

/** What a workload works with: the options, the server, and a fresh database for each measurement. */
record Bench(Options options, BenchServer server) {
    interface Trial<T> {
        T run(Opened opened) throws Exception;
    }

    /** A contender in a database of its own, and the meter beside it. */
    record Opened(
            Contender contender, BenchDatabase database, Contender.Line line, Meter meter, Connection connection) {
        /** Vacuums and checkpoints now, to keep what came before out of the measured part. */
        void settle() throws SQLException {
            Bench.vacuum(connection);
            line.settle();
        }
    }

    static void vacuum(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("VACUUM ANALYZE");
            statement.execute("CHECKPOINT");
        }
    }

    <T> T trial(Contender contender, Trial<T> trial) throws Exception {
        BenchDatabase database = server.createDatabase();
        try {
            return trialIn(database, contender, trial);
        } finally {
            server.drop(database);
        }
    }

    /** Runs the trial in a database that the caller made and drops. */
    <T> T trialIn(BenchDatabase database, Contender contender, Trial<T> trial) throws Exception {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Contender.Line line = contender.open(database)) {
            return trial.run(
                    new Opened(contender, database, line, new Meter(connection, server.isLocal()), connection));
        }
    }

    /** Those that were asked for, where lines are not measured in rounds. */
    List<Contender> chosen(Contender... contenders) {
        return Stream.of(contenders)
                .filter(contender -> options.measures(contender.name()))
                .toList();
    }

    void say(String line) {
        System.out.println(line);
    }
}
