package io.postroom.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import com.tngtech.archunit.lang.ArchRule;
import java.sql.Connection;
import java.util.Arrays;
import java.util.Set;

/**
 * Dependencies point downwards only:
 *
 * <pre>
 * server → cli, rest, console, spring    cli → rest, homes, (root)    console → homes, (root), postgres.console    rest → api, channel
 * test → (root)    spring, server → (root)    homes → (root), postgres.admin
 * (root) → producer → worker → consumer → execution → handler, storage → api
 *          jobs, producer → schedules → storage
 *          jobs, producer → imports → storage, files    channel → files, loop
 *          jobs → mailboxes → imports, storage
 *          jobs → storage     postgres → storage     channel → handler     console, server → access → storage
 *                             postgres → postgres.connection → postgres.statement
 *                                        postgres.purge      → postgres.statement
 *                                        postgres.console    → postgres.connection
 * </pre>
 *
 * <p>{@code loop} (threads that repeat a step) and {@code files} (whole files) know nothing of ours, and whoever needs them uses them.
 * Each rule was seen to fail once, on an import the wrong way that was planted for the purpose.
 */
@AnalyzeClasses(packages = "io.postroom", importOptions = ImportOption.DoNotIncludeTests.class)
class DependencyDirectionTest {
    private static final String[] OUTER_RING = {
        "io.postroom.spring..",
        "io.postroom.rest..",
        "io.postroom.console..",
        "io.postroom.server..",
        "io.postroom.cli.."
    };
    private static final Set<String> STATEMENT_MAKERS = Set.of("createStatement", "prepareStatement", "prepareCall");

    @ArchTest
    static final ArchRule api_knows_the_jdk_and_jspecify_only = classes()
            .that()
            .resideInAPackage("io.postroom.api")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "org.jspecify..", "io.postroom.api");

    @ArchTest
    static final ArchRule handler_knows_api_only = only("handler", "api");

    @ArchTest
    static final ArchRule channel_knows_handler =
            only("channel..", "api", "handler", "channel..", "internal.files", "internal.loop");

    @ArchTest
    static final ArchRule storage_knows_api_only = only("internal.storage", "api");

    @ArchTest
    static final ArchRule loop_knows_nothing_of_ours = only("internal.loop");

    @ArchTest
    static final ArchRule files_know_nothing_of_ours = only("internal.files");

    @ArchTest
    static final ArchRule imports_know_storage =
            only("internal.imports", "api", "internal.storage", "internal.files", "internal.loop");

    @ArchTest
    static final ArchRule mailboxes_know_imports =
            only("internal.mailboxes", "api", "internal.imports", "internal.storage", "internal.loop");

    @ArchTest
    static final ArchRule execution_knows_handler_and_storage =
            only("internal.execution", "api", "handler", "internal.storage", "internal.loop");

    @ArchTest
    static final ArchRule consumer_knows_execution =
            only("internal.consumer", "api", "internal.storage", "internal.loop", "internal.execution");

    @ArchTest
    static final ArchRule worker_knows_consumer = only(
            "internal.worker",
            "api",
            "handler",
            "internal.storage",
            "internal.loop",
            "internal.execution",
            "internal.consumer");

    @ArchTest
    static final ArchRule schedules_know_storage = only("internal.schedules", "api", "internal.storage");

    @ArchTest
    static final ArchRule producer_knows_worker = only(
            "internal.producer",
            "api",
            "handler",
            "internal.schedules",
            "internal.imports",
            "internal.storage",
            "internal.consumer",
            "internal.worker");

    @ArchTest
    static final ArchRule definitions_know_storage = only("internal.definitions", "api", "internal.storage");

    @ArchTest
    static final ArchRule jobs_know_storage = only(
            "internal.jobs",
            "api",
            "internal.schedules",
            "internal.imports",
            "internal.mailboxes",
            "internal.storage",
            "internal.loop");

    @ArchTest
    static final ArchRule postgres_knows_storage =
            only("internal.postgres..", "api", "internal.storage", "internal.loop", "internal.postgres..");

    @ArchTest
    static final ArchRule postgres_stores_know_connection_and_statement = only(
            "internal.postgres",
            "api",
            "internal.storage",
            "internal.postgres.connection",
            "internal.postgres.statement");

    @ArchTest
    static final ArchRule postgres_connection_knows_statement =
            only("internal.postgres.connection", "api", "internal.storage", "internal.postgres.statement");

    @ArchTest
    static final ArchRule postgres_purge_knows_statement =
            only("internal.postgres.purge", "api", "internal.storage", "internal.loop", "internal.postgres.statement");

    @ArchTest
    static final ArchRule postgres_statement_knows_no_other_part_of_postgres =
            only("internal.postgres.statement", "api", "internal.storage", "internal.loop");

    @ArchTest
    static final ArchRule root_wires_what_is_inside = only("", "api", "handler", "internal..");

    @ArchTest
    static final ArchRule test_kit_knows_the_root = only("test", "", "api");

    /** It starts engines, and reads what a database knows about itself as a home before one runs. */
    @ArchTest
    static final ArchRule homes_know_the_root_and_their_store =
            only("homes", "", "api", "handler", "internal.loop", "internal.storage", "internal.postgres.admin");

    /** The starter uses two helpers of the producer: what runs after a commit, and the statement that commits itself. */
    @ArchTest
    static final ArchRule starter_knows_the_root =
            only("spring", "", "api", "handler", "channel..", "metrics", "homes", "internal.producer");

    @ArchTest
    static final ArchRule metrics_know_api_and_handler = only("metrics", "api", "handler");

    /** Webhooks are checked in the channel, so that a host with another web library has the same checks. */
    @ArchTest
    static final ArchRule rest_knows_api_and_channels = only("rest", "api", "channel..");

    /** The command line uses the API of Java and the shapes of HTTP answers; nothing inside. */
    @ArchTest
    static final ArchRule command_line_knows_the_root_and_rest = only("cli", "", "api", "homes", "rest");

    /** It needs the engine's data source, for reads of its own; these are in a package that nobody else uses. */
    @ArchTest
    static final ArchRule console_knows_the_root_and_its_reads =
            only("console", "", "api", "homes", "internal.access", "internal.postgres.console");

    @ArchTest
    static final ArchRule access_knows_storage = only("internal.access", "api", "internal.storage", "internal.loop");

    @ArchTest
    static final ArchRule postgres_console_knows_admin_connection_and_statement = only(
            "internal.postgres.console",
            "api",
            "internal.storage",
            "internal.postgres.admin",
            "internal.postgres.connection",
            "internal.postgres.statement");

    @ArchTest
    static final ArchRule outer_ring_is_imported_by_nobody_below = noClasses()
            .that()
            .resideOutsideOfPackages(OUTER_RING)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(OUTER_RING);

    @ArchTest
    static final ArchRule starter_does_not_know_the_server = noClasses()
            .that()
            .resideInAnyPackage("io.postroom.spring..", "io.postroom.rest..", "io.postroom.console..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.postroom.server..", "io.postroom.cli..");

    @ArchTest
    static final ArchRule core_is_free_of_spring_boot_and_the_web = noClasses()
            .that()
            .resideOutsideOfPackages(OUTER_RING)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.springframework.boot..", "org.springframework.web..", "jakarta.servlet..");

    /** The server is exempt: it starts an embedded database, and its demo counts rows. */
    @ArchTest
    static final ArchRule only_postgres_speaks_jdbc_statements = noClasses()
            .that()
            .resideOutsideOfPackages("io.postroom.internal.postgres..", "io.postroom.server..")
            .should()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.sql.PreparedStatement")
            .orShould()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.sql.Statement")
            .orShould()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.sql.ResultSet")
            .orShould()
            .dependOnClassesThat()
            .resideInAnyPackage("org.springframework.jdbc.core..", "org.postgresql..")
            .orShould()
            .callMethodWhere(DescribedPredicate.describe(
                    "a statement is made",
                    (JavaMethodCall call) -> call.getTargetOwner().isAssignableTo(Connection.class)
                            && STATEMENT_MAKERS.contains(call.getName())));

    @ArchTest
    static final ArchRule packages_have_no_cycles =
            slices().matching("io.postroom.(**)").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule internal_types_stay_out_of_public_signatures = classes()
            .that()
            .resideOutsideOfPackage("io.postroom.internal..")
            .and()
            .arePublic()
            .should(PublicSignatures.nameNoInternalType());

    /** A host may leave out these libraries or have other versions of them. */
    @ArchTest
    static final ArchRule driver_and_pool_stay_out_of_public_signatures = classes()
            .that()
            .resideOutsideOfPackage("io.postroom.internal..")
            .and()
            .arePublic()
            .should(PublicSignatures.nameNothingOf(
                    "org.postgresql", "com.zaxxer.hikari", "org.flywaydb", "net.javacrumbs.shedlock"));

    /** The classes are imported once for both files. */
    @ArchTest
    static final ArchTests wall_clock = ArchTests.in(WallClockRule.class);

    /** A package may use its own classes, these packages of ours, and anything that is not ours. */
    private static ArchRule only(String name, String... allowed) {
        String[] packages =
                Arrays.stream(allowed).map(DependencyDirectionTest::full).toArray(String[]::new);
        return classes()
                .that()
                .resideInAPackage(full(name))
                .should()
                .onlyDependOnClassesThat(DescribedPredicate.describe(
                        "are of " + name + ", " + Arrays.toString(allowed) + " or not ours",
                        (JavaClass target) -> !target.getPackageName().startsWith("io.postroom")
                                || JavaClass.Predicates.resideInAPackage(full(name))
                                        .test(target)
                                || JavaClass.Predicates.resideInAnyPackage(packages)
                                        .test(target)));
    }

    private static String full(String name) {
        return name.isEmpty() ? "io.postroom" : "io.postroom." + name;
    }
}
