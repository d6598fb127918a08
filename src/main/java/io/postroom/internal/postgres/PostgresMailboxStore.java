package io.postroom.internal.postgres;

import io.postroom.api.Mailbox;
import io.postroom.api.RejectedMail;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.MailboxStore;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/** Stores how far mailboxes are read. Statements: {@link MailboxSql}. */
final class PostgresMailboxStore implements MailboxStore {
    private final StoreTransactions transactions;

    PostgresMailboxStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public List<String> entries() {
        return transactions.single("list the entries of mailboxes", connection -> {
            try (Sql.Call call = MailboxSql.ENTRIES.on(connection)) {
                return call.list(row -> row.getString(1));
            }
        });
    }

    @Override
    public boolean hold(Reader reader) {
        return transactions.single("hold the mailbox " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.HOLD.on(connection)) {
                return of(reader, call).set("worker", reader.worker()).update() > 0;
            }
        });
    }

    @Override
    public void release(Reader reader) {
        transactions.single("release the mailbox " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.RELEASE.on(connection)) {
                return of(reader, call).update();
            }
        });
    }

    @Override
    public Generation begin(Reader reader, String source, long uidValidity, long uidNext, Collection<String> present) {
        return transactions.several("begin with the mailbox " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.BEGIN.on(connection)) {
                of(reader, call)
                        .set("source", source)
                        .set("uidValidity", uidValidity)
                        .set("uidNext", uidNext)
                        .update();
            }
            Generation generation = generation(reader, connection);
            try (Sql.Call call = MailboxSql.FORGET.on(connection)) {
                call.set("name", reader.name())
                        .set("generation", generation.number())
                        .set("present", present.toArray(new String[0]))
                        .update();
            }
            return generation;
        });
    }

    private static Generation generation(Reader reader, Connection connection) throws SQLException {
        try (Sql.Call call = MailboxSql.GENERATION.on(connection)) {
            return call.set("name", reader.name())
                    .one(row -> new Generation(row.getInt(1), row.getLong(2), row.getLong(3)));
        }
    }

    @Override
    public Map<String, Boolean> known(Reader reader, int generation, Collection<String> mailIds) {
        return transactions.single("look for mails of " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.KNOWN.on(connection)) {
                return mails(in(reader, generation, call).set("mailIds", mailIds.toArray(new String[0])));
            }
        });
    }

    @Override
    public Map<String, Boolean> unmarked(Reader reader, int generation) {
        return transactions.single("look for mails of " + reader.name() + " to be marked", connection -> {
            try (Sql.Call call = MailboxSql.UNMARKED.on(connection)) {
                return mails(in(reader, generation, call));
            }
        });
    }

    private static Map<String, Boolean> mails(Sql.Call call) throws SQLException {
        Map<String, Boolean> mails = new LinkedHashMap<>();
        call.list(row -> mails.put(row.getString(1), row.getBoolean(2)));
        return mails;
    }

    @Override
    public void marked(Reader reader, int generation, Collection<String> mailIds) {
        transactions.single("note marked mails of " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.MARKED.on(connection)) {
                return in(reader, generation, call)
                        .set("mailIds", mailIds.toArray(new String[0]))
                        .update();
            }
        });
    }

    @Override
    public Decision decide(Reader reader, int generation, DecidedMail mail, Work work) {
        return transactions.several("take a mail of " + reader.name(), connection -> {
            if (!lock(reader, generation, mail.position(), connection)) {
                return Decision.NOT_HELD;
            }
            boolean isSame = mail.asksFingerprint() && isReceived(reader, mail, connection);
            boolean isCreated = mail.messageId() != null && !isSame;
            try (Sql.Call call = MailboxSql.DECIDE.on(connection)) {
                int stored = in(reader, generation, call)
                        .set("mailId", mail.mailId())
                        .setUntyped("messageId", isCreated ? String.valueOf(mail.messageId()) : null)
                        .set("size", mail.size())
                        .set("marked", mail.isMarked())
                        .set("fingerprint", mail.fingerprint())
                        .set("internetId", mail.internetId())
                        .set("error", mail.error())
                        .update();
                if (stored == 0) {
                    return Decision.KNOWN;
                }
            }
            if (isCreated) {
                work.run(connection);
            }
            return isSame ? Decision.KNOWN : Decision.STORED;
        });
    }

    private static boolean lock(Reader reader, int generation, long position, Connection connection)
            throws SQLException {
        try (Sql.Call call = MailboxSql.LOCK.on(connection)) {
            return of(reader, call)
                            .set("generation", generation)
                            .set("position", position)
                            .update()
                    > 0;
        }
    }

    private static boolean isReceived(Reader reader, DecidedMail mail, Connection connection) throws SQLException {
        try (Sql.Call call = MailboxSql.IS_SAME.on(connection)) {
            return call.set("name", reader.name())
                    .set("fingerprint", mail.fingerprint())
                    .one(row -> row.getBoolean(1));
        }
    }

    @Override
    public void leave(Reader reader, int generation, long position) {
        transactions.single(
                "leave mails of " + reader.name(), connection -> lock(reader, generation, position, connection));
    }

    @Override
    public void report(Reader reader, String error) {
        transactions.single("report about the mailbox " + reader.name(), connection -> {
            try (Sql.Call call = MailboxSql.REPORT.on(connection)) {
                return of(reader, call).set("error", error).update();
            }
        });
    }

    @Override
    public List<Mailbox> list() {
        return transactions.read("list mailboxes", connection -> {
            try (Sql.Call call = MailboxSql.LIST.on(connection)) {
                return call.list(row -> new Mailbox(
                        row.getString(1),
                        row.getString(2),
                        row.getString(3),
                        row.getBoolean(4),
                        Optional.ofNullable(Rows.instant(row, 5)),
                        Optional.ofNullable(Rows.instant(row, 6)),
                        row.getString(7),
                        row.getLong(8),
                        row.getLong(9)));
            }
        });
    }

    @Override
    public List<RejectedMail> rejected(String name, int most) {
        return transactions.read("list rejected mails of " + name, connection -> {
            try (Sql.Call call = MailboxSql.REJECTED.on(connection)) {
                return call.set("name", name)
                        .set("most", most)
                        .list(row -> new RejectedMail(
                                row.getString(1),
                                row.getString(2),
                                row.getLong(3),
                                Objects.requireNonNull(Rows.instant(row, 4)),
                                row.getString(5)));
            }
        });
    }

    private static Sql.Call of(Reader reader, Sql.Call call) throws SQLException {
        UUID holder = reader.holder();
        return call.set("name", reader.name()).set("holder", holder);
    }

    private static Sql.Call in(Reader reader, int generation, Sql.Call call) throws SQLException {
        return call.set("name", reader.name()).set("generation", generation);
    }
}
