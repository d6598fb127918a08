package io.postroom.internal.postgres;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.PathStep;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.MessageQueries;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Answers questions about messages. Statements: {@link RegistrySql}; rows and filters: {@link MessageReader}. */
final class PostgresMessageQueries implements MessageQueries {
    private final StoreTransactions transactions;

    PostgresMessageQueries(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public Optional<Message> find(UUID id) {
        return transactions.read("find message " + id, connection -> MessageReader.find(id, connection));
    }

    @Override
    public List<Message> find(MessageFilter filter) {
        return transactions.readViews("find messages", connection -> MessageReader.find(filter, true, connection));
    }

    @Override
    public List<Message> findWithoutPayloads(MessageFilter filter) {
        return transactions.readViews("find messages", connection -> MessageReader.find(filter, false, connection));
    }

    @Override
    public List<Message> next(MessageFilter filter) {
        return transactions.readViews("list the next messages", connection -> MessageReader.next(filter, connection));
    }

    @Override
    public List<Message> removable(MessageFilter filter) {
        return transactions.readViews(
                "list removable messages", connection -> MessageReader.removable(filter, connection));
    }

    @Override
    public List<Attempt> history(UUID id) {
        return transactions.read("read the history of message " + id, connection -> {
            try (Sql.Call call = RegistrySql.HISTORY.on(connection)) {
                return call.set("id", id).list(MessageReader::attempt);
            }
        });
    }

    @Override
    public List<PathStep> path(String correlationId, int limit) {
        return transactions.readViews("read the path of a correlation id", connection -> {
            try (Sql.Call call = RegistrySql.PATH.on(connection)) {
                return call.set("correlation", correlationId)
                        .set("limit", limit)
                        .list(MessageReader::step);
            }
        });
    }

    @Override
    public List<String> explain(UUID id) {
        return transactions.read("explain message " + id, connection -> {
            try (Sql.Call call = RegistrySql.EXPLAIN.on(connection)) {
                return call.set("id", id).list(row -> row.getString(1));
            }
        });
    }

    @Override
    public Map<UUID, MessageState> states(Collection<UUID> ids) {
        return transactions.single(
                "look at the states of " + ids.size() + " messages",
                connection -> MessageReader.states(ids, connection));
    }
}
