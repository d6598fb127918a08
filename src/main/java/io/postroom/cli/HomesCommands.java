package io.postroom.cli;

import static io.postroom.cli.BackendCommand.text;

import io.postroom.api.PostroomException;
import io.postroom.api.QueueStats;
import io.postroom.homes.HomeAnswers;
import io.postroom.homes.HomeDownException;
import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import io.postroom.homes.RulesChange;
import io.postroom.homes.StoredRules;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Commands for users with several databases. */
final class HomesCommands {
    private HomesCommands() {}

    /** A command that reads the databases from a file. */
    abstract static class OfHomes implements Callable<Integer> {
        @Spec
        @SuppressWarnings("NullAway.Init") // picocli sets it, and the file
        CommandSpec spec;

        @Option(
                names = "--homes-file",
                required = true,
                paramLabel = "FILE",
                description =
                        "A file of properties with postroom.homes.<name>.url, .username and .password of each home;"
                                + " without them PGUSER and PGPASSWORD count")
        @SuppressWarnings("NullAway.Init")
        Path file;

        @Option(names = "--json", description = "Write the answer as JSON, for programs")
        boolean json;

        abstract JsonNode run(HomesFile homes);

        abstract String forPeople(JsonNode answer);

        @Override
        public Integer call() {
            try (HomesFile homes = HomesFile.open(file, terminal())) {
                JsonNode answer = run(homes);
                terminal().write(json ? answer + "\n" : forPeople(answer));
                return 0;
            }
        }

        Terminal terminal() {
            return ((PostroomCli.Root) spec.root().userObject()).terminal;
        }
    }

    /** The rules that count: those with the highest version. */
    static HomeRules newest(HomeAnswers<StoredRules> stored) {
        return stored.found().stream()
                .max(Comparator.comparingLong(StoredRules::version))
                .map(StoredRules::rules)
                .orElseThrow(() -> CliException.refused(
                        "these databases are no homes yet: the first start of an application with rules makes them"));
    }

    @Command(
            name = "homes",
            mixinStandardHelpOptions = true,
            description = "Lists the databases that queues live on, with what waits on each, and the rules.")
    static final class Homes extends OfHomes {
        @Override
        JsonNode run(HomesFile given) {
            HomesFile file = given.toLook();
            HomeAnswers<StoredRules> stored = file.homes().storedRules();
            HomeRules rules = newest(stored);
            ObjectNode answer = CliJson.MAPPER.createObjectNode();
            ArrayNode list = answer.putArray("homes");
            Map<String, StoredRules> byHome = new HashMap<>();
            stored.found().forEach(home -> byHome.put(home.home(), home));
            try (PostroomHomes homes = file.homes().rules(rules).prepareToLook()) {
                for (String name : file.names()) {
                    ObjectNode home = list.addObject().put("home", name);
                    if (stored.down().containsKey(name)) {
                        home.put("state", "down")
                                .put("problem", stored.down().get(name).getMessage());
                    } else {
                        home.put("state", "up").put("version", byHome.get(name).version());
                        try {
                            count(home, homes.home(name).queues().stats());
                        } catch (HomeDownException gone) { // since its rules were read
                            home.put("state", "down").put("problem", gone.getMessage());
                        }
                    }
                }
            } catch (PostroomException disagree) {
                list.removeAll();
                for (String name : file.names()) {
                    StoredRules its = byHome.get(name);
                    ObjectNode home = list.addObject().put("home", name);
                    home.put("state", stateOf(name, its, stored, rules));
                    if (its != null) {
                        home.put("version", its.version());
                    }
                }
                answer.put("problem", disagree.getMessage());
            }
            answer.put("rules", rules.toString());
            return answer;
        }

        /** The state of a home among some that do not agree, so that none can be counted. */
        private static String stateOf(
                String name, @Nullable StoredRules its, HomeAnswers<StoredRules> stored, HomeRules rules) {
            if (stored.down().containsKey(name)) {
                return "down";
            }
            return its == null ? "no home" : its.rules().equals(rules) ? "up" : "other rules";
        }

        private static void count(ObjectNode home, List<QueueStats> stats) {
            home.put("queues", stats.size())
                    .put("ready", sum(stats, QueueStats::ready))
                    .put("delayed", sum(stats, QueueStats::delayed))
                    .put("inProgress", sum(stats, QueueStats::inProgress))
                    .put("dead", sum(stats, QueueStats::dead));
        }

        private static long sum(List<QueueStats> stats, ToLongFunction<QueueStats> count) {
            return stats.stream().mapToLong(count).sum();
        }

        @Override
        String forPeople(JsonNode answer) {
            Table table = new Table("HOME", "STATE", "VERSION", "QUEUES", "READY", "DELAYED", "IN PROGRESS", "DEAD");
            StringBuilder problems = new StringBuilder();
            for (JsonNode home : answer.path("homes")) {
                table.row(
                        text(home, "home"),
                        text(home, "state"),
                        text(home, "version"),
                        text(home, "queues"),
                        text(home, "ready"),
                        text(home, "delayed"),
                        text(home, "inProgress"),
                        text(home, "dead"));
                if (home.has("problem")) {
                    problems.append("! ").append(text(home, "problem")).append('\n');
                }
            }
            if (answer.has("problem")) {
                problems.append("! ").append(text(answer, "problem")).append('\n');
            }
            return table.draw(terminal().width()) + Table.escaped(problems.toString()) + "\n" + text(answer, "rules")
                    + "\n";
        }
    }

    @Command(
            name = "move-queue",
            mixinStandardHelpOptions = true,
            description = {
                "Gives a queue another home, or other parts: ends creating it where it is, waits until what is there is worked off,"
                        + " and stores the new rules on each home.",
                "Processes with the old rules are refused then when they create messages in it: start them with the new ones."
            })
    static final class MoveQueue extends OfHomes {
        @Parameters(paramLabel = "QUEUE", description = "Name of the queue, without a number of a part")
        @SuppressWarnings("NullAway.Init")
        String queue;

        @Option(
                names = "--to",
                required = true,
                split = ",",
                paramLabel = "HOME",
                description = "The home; with commas the home of each part, as in main,second")
        @SuppressWarnings("NullAway.Init")
        List<String> to;

        @Option(
                names = "--wait",
                paramLabel = "SECONDS",
                defaultValue = "60",
                description =
                        "How long to wait for messages and transactions, 0 to 86400; default 60. All is as before then")
        int wait;

        @Override
        JsonNode run(HomesFile file) {
            if (wait < 0 || wait > 86_400) {
                throw CliException.usage("--wait must be 0 to 86400 seconds, got " + wait);
            }
            HomeRules rules = newest(file.homes().storedRules()).move(queue, to);
            RulesChange change = file.homes().rules(rules).changeRules(Duration.ofSeconds(wait));
            ObjectNode receipt = CliJson.MAPPER.createObjectNode().put("version", change.version());
            ArrayNode moved = receipt.putArray("moved");
            change.moved()
                    .forEach(one -> moved.addObject()
                            .put("queue", one.queue())
                            .put("from", one.from())
                            .put("to", one.to()));
            return receipt.put("rules", rules.toString());
        }

        @Override
        String forPeople(JsonNode receipt) {
            StringBuilder text = new StringBuilder();
            for (JsonNode one : receipt.path("moved")) {
                text.append("queue ")
                        .append(text(one, "queue"))
                        .append(" has left home \"")
                        .append(text(one, "from"))
                        .append("\" empty, for ")
                        .append(text(one, "to"))
                        .append('\n');
            }
            return text + "All homes have these rules, version " + text(receipt, "version")
                    + ". Start each process with them:\n\n" + text(receipt, "rules") + "\n";
        }
    }
}
