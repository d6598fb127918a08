package io.postroom.internal.postgres.connection;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NotificationListener;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Receives notifications of other processes that messages became READY, on a connection of its own. A notification that is sent while
 * nobody listens is lost. That costs no message, because polling finds all messages. One thread receives; any thread may close.
 */
public final class PostgresNotificationListener implements NotificationListener {
    public static final String CHANNEL = "postroom";

    /** Longest text of a notification, in characters. All are ASCII, so PostgreSQL's limit of 8000 bytes holds. */
    private static final int LONGEST_PAYLOAD = 7900;

    /** One line of a payload. Later versions may append fields. */
    private static final Pattern LINE =
            Pattern.compile("^([0-9]{1,10}):([0-9]):([0-9]{1,19})(?::([0-9]{1,10})(?::.*)?)?$", Pattern.MULTILINE);

    /** After this time without a notification a statement checks the connection, so a broken connection is noticed. */
    private static final Duration CHECK_AFTER = Duration.ofSeconds(20);

    private final DataSource source;
    private volatile @Nullable Connection connection;
    private volatile boolean closed;
    private long lastReceivedNanos;

    /** @param source gives one connection, which stays in use until {@link #close} */
    public PostgresNotificationListener(DataSource source) {
        this.source = source;
    }

    /**
     * Waits for notifications. The first call, and the first one after a failure, connects and listens.
     *
     * @return empty after the timeout
     * @throws StoreException the connection broke or none is free; call again after a pause
     */
    @Override
    public List<Arrival> await(Duration timeout) {
        if (closed) {
            return List.of();
        }
        try {
            Connection listening = listening();
            // At least 2: with 1, sockets of PromptSocketFactory do not wait at all.
            PGNotification[] received = listening.unwrap(PGConnection.class).getNotifications((int)
                    Math.max(2, Math.min(timeout.toMillis(), Integer.MAX_VALUE)));
            if (received == null || received.length == 0) {
                check(listening);
                return List.of();
            }
            lastReceivedNanos = System.nanoTime();
            List<Arrival> arrivals = new ArrayList<>();
            for (PGNotification notification : received) {
                read(notification.getParameter(), arrivals);
            }
            return arrivals;
        } catch (SQLException e) {
            disconnect();
            if (closed) {
                return List.of();
            }
            throw StoreErrors.translate("listen for notifications of other processes", e);
        }
    }

    private Connection listening() throws SQLException {
        Connection known = connection;
        if (known != null) {
            return known;
        }
        Connection fresh = source.getConnection();
        try {
            fresh.setAutoCommit(true);
            try (Statement statement = fresh.createStatement()) {
                statement.execute("LISTEN " + CHANNEL);
            }
        } catch (SQLException e) {
            fresh.close();
            throw e;
        }
        lastReceivedNanos = System.nanoTime();
        connection = fresh;
        if (closed) {
            disconnect();
            throw new SQLException("closed", "08003");
        }
        return fresh;
    }

    private void check(Connection listening) throws SQLException {
        if (System.nanoTime() - lastReceivedNanos < CHECK_AFTER.toNanos()) {
            return;
        }
        try (Statement statement = listening.createStatement()) {
            statement.execute("SELECT 1");
        }
        lastReceivedNanos = System.nanoTime();
    }

    /** Stops listening and returns the connection to its pool. To be called when no thread waits in {@link #await} any more. */
    @Override
    public void close() {
        closed = true;
        disconnect();
    }

    private void disconnect() {
        Connection known = connection;
        connection = null;
        if (known == null) {
            return;
        }
        try (known;
                Statement statement = known.createStatement()) {
            statement.execute("UNLISTEN " + CHANNEL);
        } catch (SQLException e) {
            // The connection is given back even then; a broken one is replaced by its pool.
        }
    }

    /** Writes lines {@code queueId:priority:lowestSeq:count}, in as few payloads as their longest size allows. */
    public static List<String> payloads(Collection<Arrival> arrivals) {
        List<String> payloads = new ArrayList<>();
        StringBuilder payload = new StringBuilder();
        for (Arrival arrival : arrivals) {
            String line = arrival.lane().queueId() + ":" + arrival.lane().priority() + ":" + arrival.lowestSeq() + ":"
                    + arrival.count();
            if (payload.length() + line.length() + 1 > LONGEST_PAYLOAD) {
                payloads.add(payload.toString());
                payload.setLength(0);
            }
            payload.append(payload.isEmpty() ? "" : "\n").append(line);
        }
        if (!payload.isEmpty()) {
            payloads.add(payload.toString());
        }
        return payloads;
    }

    /**
     * Reads the lines of a payload. Any role that may connect can send on this channel, so each line is checked by itself: one in an
     * unknown form, of somebody else or of a later version, is skipped, and its neighbours count.
     */
    static void read(String payload, List<Arrival> arrivals) {
        Matcher line = LINE.matcher(payload);
        while (line.find()) {
            try {
                arrivals.add(new Arrival(
                        new Lane(Integer.parseInt(line.group(1)), Integer.parseInt(line.group(2))),
                        Long.parseLong(line.group(3)),
                        line.group(4) == null ? 1 : Integer.parseInt(line.group(4))));
            } catch (NumberFormatException tooLarge) {
                // not of ours: numbers of ours fit
            }
        }
    }
}
