package io.postroom.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Stream;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line of Postroom. Thread-safe; each run is a command of its own. */
public final class PostroomCli {
    private static final String NAME = "postroom";
    private static final String ALWAYS = "postroom.cli";
    private static final Set<String> WITHOUT_COMMAND = Set.of("--help", "-h", "--version", "-V");

    private PostroomCli() {}

    /**
     * Whether these arguments of the server's jar are a command, and no options of the server. A misspelt command is one, too: it is
     * refused instead of starting a server. So are options that stand before the command. The script {@code bin/postroom} always means
     * a command and says so by the system property {@code postroom.cli}.
     */
    public static boolean isCommand(String... arguments) {
        return isCommand(Boolean.getBoolean(ALWAYS), arguments);
    }

    static boolean isCommand(boolean always, String... arguments) {
        if (always || arguments.length > 0 && !arguments[0].startsWith("-")) {
            return true;
        }
        for (String argument : arguments) {
            if (WITHOUT_COMMAND.contains(argument) || !argument.startsWith("-") && isName(argument)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a command has this name. The annotations are read by hand: a server's start must not pay for the whole command line. */
    private static boolean isName(String argument) {
        return Stream.of(Root.class.getAnnotation(Command.class).subcommands())
                .anyMatch(command -> command.getAnnotation(Command.class).name().equals(argument));
    }

    /** Runs a command on the terminal of this process and returns its exit code. */
    public static int run(String... arguments) {
        QuietLog.begin();
        return commandLine(Terminal.ofProcess()).execute(arguments);
    }

    static CommandLine commandLine(Terminal terminal) {
        return new CommandLine(new Root(terminal))
                .setOut(terminal.out())
                .setErr(terminal.err())
                .setUsageHelpWidth(Math.min(100, terminal.width()))
                .setExecutionExceptionHandler((failure, command, parsed) -> {
                    CliException told = CliException.of(failure);
                    terminal.err().println(NAME + ": " + Table.escaped(String.valueOf(told.getMessage())));
                    terminal.err().flush();
                    return told.exitCode();
                });
    }

    @Command(
            name = NAME,
            mixinStandardHelpOptions = true,
            versionProvider = Version.class,
            description =
                    "Looks at a Postroom and operates it: a server (--url), a database (--db) or several (--homes-file).",
            subcommands = {
                LookCommands.Status.class,
                LookCommands.Queues.class,
                LimitersCommand.class,
                SettingsCommands.Settings.class,
                LookCommands.Messages.class,
                LookCommands.OneMessage.class,
                LookCommands.Explain.class,
                ConsumersCommand.class,
                DeadLetterCommands.DeadLetters.class,
                DeadLetterCommands.Redrive.class,
                DeadLetterCommands.Discard.class,
                OperatorCommands.Unpark.class,
                OperatorCommands.Pause.class,
                OperatorCommands.Resume.class,
                OperatorCommands.Operations.class,
                OperatorCommands.Ledger.class,
                TokenCommands.Token.class,
                DoctorCommand.class,
                HomesCommands.Homes.class,
                HomesCommands.MoveQueue.class,
                TopologyCommands.Migrate.class,
                TopologyCommands.Create.class,
                TopologyCommands.Import.class,
                TopologyCommands.Export.class,
                Completion.class
            },
            synopsisSubcommandLabel = "COMMAND [OPTIONS]",
            exitCodeListHeading = "%nExit codes:%n",
            exitCodeList = {
                "0:done",
                "1:refused or failed; of doctor: something needs doing",
                "2:wrong usage",
                "3:server or database cannot be reached"
            },
            footer = "%npostroom COMMAND --help tells more about a command.")
    static final class Root implements Runnable {
        final Terminal terminal;

        @Spec
        @SuppressWarnings("NullAway.Init")
        CommandSpec spec;

        Root(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Name a command");
        }
    }

    @Command(
            name = "completion",
            mixinStandardHelpOptions = true,
            description =
                    "Writes a script that completes commands and options in bash and zsh: source <(postroom completion)")
    static final class Completion implements Runnable {
        @Spec
        @SuppressWarnings("NullAway.Init")
        CommandSpec spec;

        @Override
        public void run() {
            Root root = (Root) spec.root().userObject();
            root.terminal.write(AutoComplete.bash(NAME, spec.root().commandLine()));
        }
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() throws IOException {
            Properties build = new Properties();
            try (InputStream file = PostroomCli.class.getResourceAsStream("/io/postroom/build-info.properties")) {
                if (file != null) {
                    build.load(file);
                }
            }
            return new String[] {NAME + " " + build.getProperty("build.version", "dev")};
        }
    }
}
