package io.postroom.internal.postgres;

import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.StoreException;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Turns what the functions of routing and of queues refuse into the exceptions of the API, so that the rules stand in SQL alone. It reads
 * the texts of {@code postroom.refuse} and of "does not exist" in db/function; a test for each kind of refusal fails when a text changes.
 * A declaration in one statement meets a constraint instead.
 */
public final class FunctionRefusals {
    private static final String INVALID = "22023";
    private static final String IN_USE = "55006";
    private static final Pattern UNKNOWN = Pattern.compile("(exchange|to_exchange|queue) \"(.*)\" does not exist\\..*");
    private static final Pattern EXCLUSIVE =
            Pattern.compile("queue \"(.*)\" is exclusive to (.*); nothing was changed");
    private static final Pattern BROKEN_LIMIT = Pattern.compile("(\\S+) must be (.*?), got \"(.*)\"", Pattern.DOTALL);

    private FunctionRefusals() {}

    /** Runs a call, and throws what a function refused as an exception of the API. */
    public static <T> T translated(Supplier<T> call) {
        try {
            return call.get();
        } catch (StoreException refused) {
            RuntimeException said = translated(refused);
            throw said == null ? refused : said;
        }
    }

    private static @Nullable RuntimeException translated(StoreException refused) {
        ServerErrorMessage said =
                refused.getCause() instanceof PSQLException error ? error.getServerErrorMessage() : null;
        String text = said == null ? null : said.getMessage();
        if (text == null) {
            return null;
        } else if ("queue_fair_is_not_ordered".equals(said.getConstraint())) {
            return new InvalidMessageException("fair", "false for an ordered queue", "true");
        } else if (refused.state().equals(IN_USE)) {
            Matcher exclusive = EXCLUSIVE.matcher(text);
            return exclusive.matches()
                    ? new ExclusiveQueueException(exclusive.group(1), exclusive.group(2), true)
                    : new IllegalStateException(text);
        } else if (!refused.state().equals(INVALID)) {
            return null;
        }
        Matcher unknown = UNKNOWN.matcher(text);
        if (unknown.matches()) {
            return unknown.group(1).equals("queue")
                    ? new QueueNotFoundException(unknown.group(2), "Declare it first; nothing was bound")
                    : new ExchangeNotFoundException(unknown.group(2));
        }
        Matcher limit = BROKEN_LIMIT.matcher(text);
        if (!limit.matches()) {
            return null;
        }
        if (limit.group(1).equals("queue") && limit.group(2).equals("one that exists")) {
            return new QueueNotFoundException(limit.group(3), "Nothing was changed");
        }
        String hint = said.getHint();
        return new InvalidMessageException(limit.group(1), limit.group(2), limit.group(3), hint == null ? "" : hint);
    }
}
