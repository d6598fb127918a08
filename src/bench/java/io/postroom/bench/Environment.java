package io.postroom.bench;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where and with what it was measured. Holds nothing that tells whose machine it was.
 *
 * @param facts in the order of the report
 * @param unsafe settings under which acknowledged messages can be lost; the whole result is marked with them
 */
record Environment(Map<String, String> facts, List<String> unsafe) {
    private static final Map<String, String> LIBRARIES = new LinkedHashMap<>();

    static {
        LIBRARIES.put("pgjdbc", "org.postgresql/postgresql");
        LIBRARIES.put("HikariCP", "com.zaxxer/HikariCP");
        LIBRARIES.put("db-scheduler", "com.github.kagkarlsson/db-scheduler");
        LIBRARIES.put("JobRunr", "org.jobrunr/jobrunr");
        LIBRARIES.put("Quartz", "org.quartz-scheduler/quartz");
    }

    static Environment of(BenchServer server, Options options) throws SQLException {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        facts.put("form", options.quick() ? "quick: not compared with the goals" : "full");
        facts.put("rounds", options.roundsText());
        if (options.scale() != 1) {
            facts.put(
                    "scale",
                    options.scale()
                            + ": to try the benchmark out; figures mean nothing and are not compared with the goals");
        }
        facts.put("java", System.getProperty("java.vm.name", "") + " " + System.getProperty("java.version"));
        facts.put(
                "java options",
                ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                        .filter(argument -> argument.startsWith("-X"))
                        .collect(Collectors.joining(" ")));
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        facts.put("cpu", firstOf("/proc/cpuinfo", "model name"));
        facts.put("cores", String.valueOf(Runtime.getRuntime().availableProcessors()));
        facts.put("memory", memory());
        Map<String, String> settings = server.settings();
        settings.forEach((name, value) -> facts.put(name.equals("version") ? "server" : name, value));
        facts.put("server is", server.isOwn() ? "own" : server.isLocal() ? "given, local" : "given, remote");
        LIBRARIES.forEach((name, artifact) -> {
            String version = version(artifact);
            if (!version.isEmpty()) {
                facts.put(name, version);
            }
        });
        return new Environment(facts, BenchServer.unsafe(settings));
    }

    boolean isUnsafe() {
        return !unsafe.isEmpty();
    }

    String warning() {
        return "UNSAFE: measured with " + String.join(", ", unsafe)
                + ", under which acknowledged messages can be lost; not comparable";
    }

    private static String memory() {
        String kilobytes = firstOf("/proc/meminfo", "MemTotal").replaceAll("\\D", "");
        return kilobytes.isEmpty() ? "unknown" : Math.round(Long.parseLong(kilobytes) / 1024.0 / 1024.0) + " GiB";
    }

    private static String firstOf(String file, String key) {
        try (Stream<String> lines = Files.lines(Path.of(file))) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException | RuntimeException e) {
            return "unknown";
        }
    }

    /** Reads the jar's pom.properties, else the jar's name; empty when it is not on the class path. */
    private static String version(String artifact) {
        try (InputStream properties =
                Environment.class.getResourceAsStream("/META-INF/maven/" + artifact + "/pom.properties")) {
            if (properties != null) {
                Properties read = new Properties();
                read.load(properties);
                return read.getProperty("version", "");
            }
        } catch (IOException e) {
            // the name may tell
        }
        String name = artifact.substring(artifact.indexOf('/') + 1);
        return Stream.of(System.getProperty("java.class.path", "").split(java.io.File.pathSeparator))
                .map(entry -> Path.of(entry).getFileName().toString())
                .filter(jar -> jar.matches(java.util.regex.Pattern.quote(name) + "-\\d.*\\.jar"))
                .map(jar -> jar.substring(name.length() + 1, jar.length() - ".jar".length()))
                .findFirst()
                .orElse("");
    }
}
