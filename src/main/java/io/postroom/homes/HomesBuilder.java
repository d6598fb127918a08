package io.postroom.homes;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.QueueSettings;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Collects the settings of a {@link DefaultPostroomHomes}. */
final class HomesBuilder implements PostroomHomes.Builder {
    private static final Duration LONGEST_LIMIT = Duration.ofHours(1);

    private final Map<String, DataSource> sources = new TreeMap<>();
    private final Map<String, Transactions> transactions = new HashMap<>();
    private final List<Handler> handlers = new ArrayList<>();
    private final List<QueueSettings> queues = new ArrayList<>();
    private final List<BiConsumer<String, Postroom.Builder>> each = new ArrayList<>();
    private @Nullable HomeRules rules;
    private SchemaMode schema = SchemaMode.MIGRATE;
    private Duration limit = PostroomHomes.DEFAULT_TIME_LIMIT;

    HomesBuilder(Map<String, ? extends DataSource> homes) {
        if (homes.isEmpty() || homes.size() > PostroomHomes.MOST_HOMES) {
            throw new InvalidMessageException("homes", "1 to " + PostroomHomes.MOST_HOMES, homes.size() + " homes");
        }
        new TreeMap<String, DataSource>(homes).forEach((name, source) -> {
            Limits.requireName("home", name);
            sources.forEach((other, taken) -> {
                if (taken == source) {
                    throw new IllegalArgumentException(
                            "homes \"" + other + "\" and \"" + name + "\" have the same data source");
                }
            });
            sources.put(name, source);
        });
    }

    @Override
    public PostroomHomes.Builder rules(HomeRules rules) {
        for (String home : rules.homes()) {
            if (!sources.containsKey(home)) {
                throw new InvalidMessageException("rules", "of the homes " + sources.keySet(), home);
            }
        }
        this.rules = rules;
        return this;
    }

    @Override
    public PostroomHomes.Builder schema(SchemaMode mode) {
        schema = mode;
        return this;
    }

    @Override
    public PostroomHomes.Builder handler(Handler handler) {
        handlers.add(handler);
        return this;
    }

    @Override
    public PostroomHomes.Builder queue(QueueSettings settings) {
        queues.add(settings);
        return this;
    }

    @Override
    public PostroomHomes.Builder transactions(String home, Transactions transactions) {
        if (!sources.containsKey(home)) {
            throw new IllegalArgumentException("there is no home \"" + home + "\" among " + sources.keySet());
        }
        this.transactions.put(home, transactions);
        return this;
    }

    @Override
    public PostroomHomes.Builder each(BiConsumer<String, Postroom.Builder> settings) {
        each.add(settings);
        return this;
    }

    @Override
    public PostroomHomes.Builder timeLimit(Duration limit) {
        if (limit.compareTo(Duration.ofMillis(1)) < 0 || limit.compareTo(LONGEST_LIMIT) > 0) {
            throw new InvalidMessageException("timeLimit", "1 ms to 1 h", limit.toString());
        }
        this.limit = limit;
        return this;
    }

    @Override
    public PostroomHomes start() {
        DefaultPostroomHomes homes = prepare();
        try {
            homes.startWorkers(List.of());
            return homes;
        } catch (RuntimeException failed) {
            homes.close();
            throw failed;
        }
    }

    @Override
    public RulesChange changeRules(Duration longest) {
        DefaultPostroomHomes unstarted = build();
        try {
            return unstarted.changeRules(longest);
        } finally {
            unstarted.close();
        }
    }

    @Override
    public HomeAnswers<StoredRules> storedRules() {
        DefaultPostroomHomes unstarted = build(HomeRules.none());
        try {
            return unstarted.storedRules();
        } finally {
            unstarted.close();
        }
    }

    @Override
    public DefaultPostroomHomes prepare() {
        return prepare(true);
    }

    @Override
    public DefaultPostroomHomes prepareToLook() {
        return prepare(false);
    }

    private DefaultPostroomHomes prepare(boolean makesHomes) {
        DefaultPostroomHomes prepared = build();
        try {
            prepared.prepare(makesHomes);
            return prepared;
        } catch (RuntimeException failed) {
            prepared.close();
            throw failed;
        }
    }

    private DefaultPostroomHomes build() {
        HomeRules given = rules;
        if (given != null) {
            return build(given);
        }
        if (sources.size() > 1) {
            throw new InvalidMessageException(
                    "rules", "given where there are several homes", "none", "Call rules(HomeRules)");
        }
        return build(HomeRules.allOn(sources.keySet().iterator().next()));
    }

    private DefaultPostroomHomes build(HomeRules known) {
        Map<String, Home> homes = new TreeMap<>();
        sources.forEach((name, source) -> homes.put(name, new Home(name, source, transactions.get(name))));
        HomeEngines engines = new HomeEngines(known, schema, List.copyOf(each), handlers, queues);
        return new DefaultPostroomHomes(homes, known, engines, limit);
    }
}
