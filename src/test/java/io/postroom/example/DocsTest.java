package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.LIST;
import static org.assertj.core.api.InstanceOfAssertFactories.MAP;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.channel.http.HttpSender;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.cli.CliRun;
import io.postroom.handler.Handler;
import io.postroom.server.RunningServer;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.SqlFile;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.StringReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs what the pages show: SQL, Java, properties, JSON, XML and commands. One database and one server serve all of it. */
@PostgresTest
class DocsTest {
    private static final Set<String> LANGUAGES =
            Set.of("", "console", "java", "json", "properties", "sql", "xml", "yaml");
    private static final Set<String> MAVEN_WORDS =
            Set.of("./mvnw", "-q", "-B", "-DskipTests", "package", "verify", "spring-boot:run", "spotless:apply");
    private static final Path METADATA = Path.of("target/classes/META-INF/spring-configuration-metadata.json");
    private static final String SERVER_URL = "http://127.0.0.1:8080";

    private static Postroom postroom;
    /** Replies to requests, as another process would. */
    private static Postroom answering;

    private static RunningServer server;
    private static TestDatabase database;

    @TempDir
    private static Path folder;

    /** A dead letter is there to be looked at and redriven. */
    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        server = RunningServer.on(given, "--postroom.workers.enabled=false");
        postroom = Postroom.on(given.pool())
                .workers(false)
                .handler(
                        Handler.send("notifications", String.class, (text, context) -> Outcome.reject("for the pages")))
                .start();
        answering = Postroom.on(given.pool())
                .handler(Handler.process("prices", SnippetWorld.PriceOf.class, (request, context) -> {
                    context.reply(new SnippetWorld.Price(request.article(), 1990));
                    return Outcome.done();
                }))
                .start();
        JdbcClient.create(given.pool())
                .sql("INSERT INTO postroom.mailbox (name) VALUES ('support')") // as if it had been read
                .update();
        SnippetWorld.dataSource = given.pool();
        SnippetWorld.postroom = postroom;
        SnippetWorld.httpSender = HttpSender.open();
        SnippetWorld.mailChannel = MailChannel.open(MailSettings.defaults().folder(folder.resolve("mails")));
        SnippetWorld.id = postroom.queueMessages()
                .createMessage(
                        CreateMessage.to("notifications").json("\"hello\"").correlationId("order-42"))
                .id();
        PostroomKit.of(postroom).drain("notifications");
        PostroomKit.of(postroom).await(SnippetWorld.id, MessageState.DEAD);
    }

    @AfterAll
    static void stop() {
        SnippetWorld.mailChannel.close();
        SnippetWorld.httpSender.close();
        postroom.close();
        answering.close();
        server.close();
    }

    @Test
    void every_block_is_in_a_language_that_is_run_here() {
        for (Path page : Snippet.pages()) {
            List<Snippet> snippets = Snippet.of(page);
            assertThat(snippets)
                    .allSatisfy(
                            snippet -> assertThat(LANGUAGES).as("%s", snippet).contains(snippet.language()));
            long fences = Snippet.read(page)
                    .lines()
                    .filter(line -> line.strip().startsWith("```"))
                    .count();
            assertThat(fences).as("fences of %s", page).isEqualTo(2L * snippets.size());
        }
    }

    @TestFactory
    Stream<DynamicTest> sql_runs(DataSource pool) {
        return each("sql", snippet -> {
            if (snippet.page().endsWith("citus.md")) {
                return; // run by CitusDoorTest, which has its functions
            }
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false); // what a page changes is taken back, roles too
                String sql = snippet.text().replaceAll("'<id[^>]*>'", "'" + SnippetWorld.id + "'");
                createRoles(statement, sql);
                try {
                    statement.execute(sql);
                } finally {
                    connection.rollback();
                }
            }
        });
    }

    /** Roles that another block of the page made. */
    private static void createRoles(Statement statement, String sql) throws Exception {
        if (sql.contains("ALTER ROLE application") && !sql.contains("CREATE ROLE application")) {
            statement.execute("CREATE ROLE application");
        }
    }

    @Test
    void every_sql_file_that_is_named_is_there_and_every_audit_query_is_named() throws IOException {
        String operations = Snippet.read(Path.of("docs/operations.md"));
        try (Stream<Path> files = Files.list(Path.of("db/audit"))) {
            assertThat(files.map(Path::toString))
                    .allSatisfy(file -> assertThat(operations).contains("-f " + file));
        }
    }

    @TestFactory
    Stream<DynamicTest> java_compiles_and_runs() {
        Map<String, Snippet> where = new LinkedHashMap<>();
        SnippetCompiler compiler = new SnippetCompiler(folder);
        for (Snippet snippet : Snippet.in("java")) {
            String name = "Snippet" + where.size();
            if (isHostsCode(snippet)) {
                continue; // compiled and run by HostSnippetTest
            }
            where.put(name, snippet);
            if (SnippetCompiler.isFile(snippet)) {
                compiler.addFile(name, snippet);
            } else {
                compiler.addFragment(name, snippet);
            }
        }
        ClassLoader compiled = compiler.compile(where);
        return where.entrySet().stream()
                .filter(entry -> !SnippetCompiler.isFile(entry.getValue()))
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getValue().toString(),
                        () -> ((SnippetWorld) compiled.loadClass("io.postroom.example." + entry.getKey())
                                        .getConstructor()
                                        .newInstance())
                                .run()));
    }

    private static boolean isHostsCode(Snippet snippet) {
        return snippet.page().endsWith("README.md") && snippet.text().contains("@Transactional");
    }

    @Test
    void the_guides_first_program_runs_without_Spring() throws Exception {
        Snippet program = Snippet.in("java").stream()
                .filter(snippet -> snippet.text().contains("class WithoutSpring"))
                .findFirst()
                .orElseThrow();
        SnippetCompiler compiler = new SnippetCompiler(Files.createDirectory(folder.resolve("program")));
        compiler.addFile("WithoutSpring", program);
        Class<?> compiled =
                compiler.compile(Map.of("WithoutSpring", program)).loadClass("io.postroom.example.WithoutSpring");
        var run = compiled.getDeclaredMethod("run", DataSource.class);
        run.setAccessible(true);
        run.invoke(null, database.pool());
        assertThat(postroom.queueMessages()
                        .find(io.postroom.api.MessageFilter.queue("notifications")
                                .type("order.paid")))
                .isNotEmpty();
    }

    @TestFactory
    Stream<DynamicTest> properties_are_known_and_bind() {
        Set<String> known = knownProperties();
        return each("properties", snippet -> {
            Properties properties = new Properties();
            properties.load(new StringReader(snippet.text()));
            assertThat(properties).isNotEmpty();
            Map<String, Object> values = new HashMap<>();
            for (String name : properties.stringPropertyNames()) {
                values.put(name, properties.getProperty(name));
                assertThat(known)
                        .as("%s %s", snippet, name)
                        .anySatisfy(property -> assertThat(name).matches(property));
            }
            Binder binder = new Binder(new MapConfigurationPropertySource(values));
            binder.bindOrCreate("postroom", Bindable.of(Class.forName("io.postroom.spring.PostroomProperties")));
            binder.bindOrCreate("postroom.mail", Bindable.of(Class.forName("io.postroom.spring.MailProperties")));
            for (String name : values.keySet()) {
                if (name.startsWith("postroom.handlers.")) {
                    binder.bind(
                                    name.substring(0, name.lastIndexOf('.')),
                                    Bindable.of(Class.forName("io.postroom.spring.HandlerProperties")))
                            .get();
                }
            }
        });
    }

    /** The names, as patterns. */
    private static Set<String> knownProperties() {
        Set<String> known =
                new TreeSet<>(Set.of("spring\\.datasource\\.(url|username|password)", "server\\.(address|port)"));
        metadata().forEach(property -> known.add(Pattern.quote(name(property))));
        known.add("postroom\\.handlers\\..+\\.(enabled|concurrency|attempts|retry-after|time-limit|batch|mode)");
        known.add(
                "postroom\\.queues\\..+\\.(kind|attempts|retry-after|time-to-live|retention|crash-limit|dead-letter-exchange"
                        + "|dead-letter-routing-key|ordered|on-dead-letter|max-length|overflow|single-active-consumer|expires-after"
                        + "|destination|max-starts|period|window|max-in-progress)");
        known.add("postroom\\.homes\\.[A-Za-z0-9._-]+\\.(url|username|password|datasource)");
        known.add("postroom\\.destinations\\.[A-Za-z0-9._-]+\\.(max-starts|period|window|max-in-progress)");
        known.add(
                "postroom\\.settings\\.[A-Za-z0-9._-]+\\.(channel|endpoint|attempts|retry-after|secret|valid-from|valid-until|enabled"
                        + "|(headers|templates|properties)\\.[A-Za-z0-9._-]+)");
        known.add(
                "postroom\\.schedules\\.[A-Za-z0-9._-]+\\.(cron|zone|every|after-end|at|missed|missed-limit|overlap|queue|exchange"
                        + "|routing-key|type|version|payload|priority|delay|time-to-live|group|correlation-id|headers\\.[A-Za-z0-9._-]+)");
        known.add(
                "postroom\\.file-imports\\.[A-Za-z0-9._-]+\\.(folder|settings|queue|type|version|format|separator|key|stable-for"
                        + "|largest-line|largest-file|done|again)");
        serverProperties().forEach(name -> known.add(Pattern.quote(name)));
        return known;
    }

    @Test
    void every_setting_is_on_the_page_with_its_default() {
        String page = Snippet.read(Path.of("docs/configuration.md"));
        for (JsonNode property : metadata()) {
            String name = name(property);
            if (name.equals("postroom.handlers")
                    || name.equals("postroom.queues")
                    || name.equals("postroom.schedules")
                    || name.equals("postroom.settings")
                    || name.equals("postroom.destinations")
                    || name.equals("postroom.homes")
                    || name.equals("postroom.file-imports")) {
                continue;
            }
            String row = page.lines()
                    .filter(line -> line.startsWith("| `" + name + "` |"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError(name + " is not in docs/configuration.md"));
            if (property.has("defaultValue")) {
                assertThat(row.split("\\|")[2].strip())
                        .as("default of %s", name)
                        .isEqualTo("`" + property.get("defaultValue").asString() + "`");
            }
            assertThat(row.split("\\|")).as(row).hasSizeGreaterThanOrEqualTo(4);
        }
        for (String handlers : List.of(
                "enabled", "concurrency", "attempts", "retry-after", "time-limit", "batch", "mode", "settings")) {
            assertThat(page).contains("| `postroom.handlers.<id>." + handlers + "` |");
        }
        assertThat(serverProperties())
                .isNotEmpty()
                .allSatisfy(name -> assertThat(page).contains("`" + name + "`"));
    }

    private static JsonNode metadata() {
        return JsonMapper.shared().readTree(Snippet.read(METADATA)).get("properties");
    }

    private static String name(JsonNode property) {
        return property.get("name").stringValue();
    }

    /** Those of the server, which have no metadata: from its source. */
    private static Set<String> serverProperties() {
        Set<String> names = new TreeSet<>();
        Pattern literal = Pattern.compile("\"(postroom\\.(?:token|demo|server)[a-z.-]*)\"");
        try (Stream<Path> files = Files.walk(Path.of("src/main/java/io/postroom/server"))) {
            files.filter(file -> file.toString().endsWith(".java")).forEach(file -> {
                Matcher name = literal.matcher(Snippet.read(file));
                while (name.find()) {
                    names.add(name.group(1));
                }
            });
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return names;
    }

    @TestFactory
    Stream<DynamicTest> json_is_taken_by_the_server() {
        return each(
                "json",
                snippet -> assertThat(post("/api/v1/messages", snippet.text()))
                        .as("%s", snippet)
                        .isEqualTo(201));
    }

    @TestFactory
    Stream<DynamicTest> dependencies_are_those_of_the_pom() throws Exception {
        Document pom = xml(Snippet.read(Path.of("pom.xml")));
        Set<String> artifacts = texts(pom, "artifactId");
        Set<String> versions = texts(pom, "version");
        return each("xml", snippet -> {
            Document shown = xml(snippet.text());
            assertThat(artifacts).containsAll(texts(shown, "artifactId"));
            assertThat(versions).containsAll(texts(shown, "version"));
            assertThat(texts(shown, "groupId")).isNotEmpty();
        });
    }

    /** Those of Prometheus: there is no other YAML on the pages. */
    @TestFactory
    Stream<DynamicTest> yaml_scrapes_the_server_with_the_file_of_a_token() {
        return each("yaml", snippet -> {
            Map<String, Object> shown = new Yaml(new SafeConstructor(new LoaderOptions())).load(snippet.text());
            assertThat(shown).containsOnlyKeys("scrape_configs", "rule_files");
            assertThat(shown.get("rule_files"))
                    .asInstanceOf(LIST)
                    .allSatisfy(file -> assertThat(Path.of("docs/prometheus", (String) file))
                            .exists());
            assertThat(shown.get("scrape_configs"))
                    .asInstanceOf(LIST)
                    .singleElement(MAP)
                    .satisfies(job -> {
                        assertThat(job).containsOnlyKeys("job_name", "metrics_path", "authorization", "static_configs");
                        assertThat(get((String) job.get("metrics_path"))).isEqualTo(200);
                    });
        });
    }

    @TestFactory
    Stream<DynamicTest> commands_run() {
        return each("console", snippet -> {
            List<ShellCommand> commands = ShellCommand.of(snippet);
            assertThat(commands).as("%s", snippet).isNotEmpty();
            for (ShellCommand command : commands) {
                switch (command.program()) {
                    case "curl" -> curl(command);
                    case "psql" -> psql(command);
                    case "postroom" ->
                        postroom(command.words().subList(1, command.words().size()));
                    case "java" -> options(command);
                    case "./mvnw" -> maven(command);
                    case "umask" -> assertThat(command.words()).containsExactly("umask", "077");
                    default -> throw new AssertionError(snippet + " has a command no test knows: " + command.words());
                }
            }
        });
    }

    private static void curl(ShellCommand command) throws Exception {
        String url = command.words().stream()
                .filter(word -> word.startsWith(SERVER_URL))
                .findFirst()
                .orElseThrow();
        if (command.option("-d").isEmpty()) {
            assertThat(get(url.substring(SERVER_URL.length())))
                    .as("%s", command.words())
                    .isEqualTo(200);
            return;
        }
        assertThat(command.option("-H")).hasValue("Content-Type: application/json");
        assertThat(post(url.substring(SERVER_URL.length()), command.option("-d").orElseThrow()))
                .as("%s", command.words())
                .isIn(200, 201);
    }

    private static int get(String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
                .build();
        return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).statusCode();
    }

    private static int post(String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build();
        return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).statusCode();
    }

    /** A file of db/ with the values of {@code -v name=value}. */
    private static void psql(ShellCommand command) throws Exception {
        Map<String, String> values = new HashMap<>();
        for (int i = 0; i + 1 < command.words().size(); i++) {
            if (command.words().get(i).equals("-v")) {
                String[] value = command.words().get(i + 1).split("=", 2);
                values.put(value[0], value[1]);
            }
        }
        String file = command.option("-f").orElseThrow();
        if (file.startsWith("db/roles/")) {
            role(SqlFile.read(Path.of(file)).text());
            return;
        }
        String sql = SqlFile.read(Path.of(file)).statement(values);
        assertThat(sql).as("a parameter is missing: %s", command.words()).doesNotContain(":'");
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            assertThat(statement.execute(sql)).isTrue();
        }
    }

    /** A role belongs to the server, so it is taken back. */
    private static void role(String script) throws Exception {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute(script);
            connection.rollback();
        }
    }

    /**
     * A command of the command line, asked of this server or database. It may find something that needs doing, and no letter of a
     * fingerprint, so that the dead letter stays for other blocks.
     */
    private static void postroom(List<String> shown) {
        List<String> words = new ArrayList<>();
        for (String word : shown) {
            if (word.equals(">")) {
                break;
            } else if (word.startsWith("jdbc:")) {
                words.add(database.url());
            } else if (words.contains("--db-user")
                    && words.get(words.size() - 1).equals("--db-user")) {
                words.add(database.user());
            } else if (!word.startsWith("--watch")) {
                words.add(word.equals("<id>") ? SnippetWorld.id.toString() : word.replace(SERVER_URL, serverUrl()));
            }
        }
        CliRun run = CliRun.of(Map.of("POSTROOM_URL", serverUrl(), "PGPASSWORD", database.password()), words);
        assertThat(run.exitCode()).as("%s: %s", words, run).isIn(0, 1);
    }

    private static String serverUrl() {
        return "http://127.0.0.1:" + server.port();
    }

    private static void options(ShellCommand command) {
        assertThat(command.words()).startsWith("java", "-jar", "target/postroom-*-server.jar");
        if (command.words().size() > 3 && !command.words().get(3).startsWith("-")) {
            postroom(command.words().subList(3, command.words().size()));
            return;
        }
        assertThat(command.words().stream().skip(3))
                .allSatisfy(option -> assertThat(knownProperties())
                        .anySatisfy(property -> assertThat(option).matches("--(" + property + ")=.+")));
    }

    private static void maven(ShellCommand command) {
        assertThat(Path.of("mvnw")).isExecutable();
        String pom = Snippet.read(Path.of("pom.xml"));
        for (String word : command.words()) {
            if (word.startsWith("-P")) {
                assertThat(pom).contains("<id>" + word.substring(2) + "</id>");
            } else if (word.startsWith("-Dbench")) {
                assertThat(pom).contains("<id>bench</id>");
            } else if (word.startsWith("-Dtest=")) {
                assertThat(sources()).contains(word.substring(7) + ".java");
            } else if (!word.startsWith("-Dpostroom.")) {
                assertThat(MAVEN_WORDS).as("%s", command.snippet()).contains(word);
            }
        }
    }

    @Test
    void classes_named_in_the_mission_are_there() {
        Matcher name = Pattern.compile("`([A-Z][A-Za-z]+Test)`").matcher(Snippet.read(Path.of("docs/mission.md")));
        assertThat(sources())
                .containsAll(
                        name.results().map(found -> found.group(1) + ".java").toList());
    }

    private static Set<String> sources() {
        try (Stream<Path> files = Files.walk(Path.of("src"))) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private Stream<DynamicTest> each(String language, Check check) {
        List<DynamicTest> tests = new ArrayList<>();
        for (Snippet snippet : Snippet.in(language)) {
            tests.add(DynamicTest.dynamicTest(snippet.toString(), () -> run(snippet, check)));
        }
        assertThat(tests).as("blocks in %s", language).isNotEmpty();
        return tests.stream();
    }

    /** A failure names the page and line: reports name a dynamic test by its number only. */
    private static void run(Snippet snippet, Check check) {
        try {
            check.run(snippet);
        } catch (Exception | AssertionError broken) {
            throw new AssertionError(snippet + ": " + broken.getMessage(), broken);
        }
    }

    private static Document xml(String text) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(text)));
    }

    private static Set<String> texts(Document document, String tag) {
        Set<String> texts = new TreeSet<>();
        NodeList found = document.getElementsByTagName(tag);
        for (int i = 0; i < found.getLength(); i++) {
            texts.add(found.item(i).getTextContent());
        }
        return texts;
    }

    /** One block. */
    private interface Check {
        void run(Snippet snippet) throws Exception;
    }
}
