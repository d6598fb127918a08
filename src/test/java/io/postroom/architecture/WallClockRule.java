package io.postroom.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/**
 * The engine decides by the database's clock, and by clocks that cannot be set. The wall clock of a process may be wrong by an hour.
 * {@link DependencyDirectionTest} includes this rule.
 */
final class WallClockRule {
    /**
     * Those that read it decide nothing about a message by it: {@code StoreClock} until the database has told its time; locks of ShedLock,
     * which then asks the database; the age of temporary files; the comparison with the database's clock; and texts and times that a
     * handler or a caller is told.
     */
    private static final Set<String> READERS = Set.of(
            "io.postroom.internal.storage.StoreClock",
            "io.postroom.internal.jobs.LockedJob",
            "io.postroom.internal.jobs.ImportFiles",
            "io.postroom.internal.files.WholeFiles",
            "io.postroom.internal.execution.Attempt",
            "io.postroom.internal.postgres.admin.PostgresDatabase",
            "io.postroom.internal.producer.DefaultSettingsRegistry",
            "io.postroom.internal.worker.SyncSender");

    @ArchTest
    static final ArchRule nothing_is_decided_by_the_wall_clock_of_a_process = noClasses()
            .that()
            .resideInAPackage("io.postroom.internal..")
            .and(areOthers())
            .should()
            .accessTargetWhere(readsTheWallClock());

    private WallClockRule() {}

    private static DescribedPredicate<JavaClass> areOthers() {
        return DescribedPredicate.describe("are none of " + READERS, type -> !READERS.contains(type.getName()));
    }

    private static DescribedPredicate<JavaAccess<?>> readsTheWallClock() {
        return DescribedPredicate.describe("reads the wall clock", access -> {
            String owner = access.getTargetOwner().getName();
            String name = access.getTarget().getName();
            return owner.startsWith("java.time.") && (name.equals("now") || name.startsWith("system"))
                    || owner.equals("java.lang.System") && name.equals("currentTimeMillis")
                    || owner.equals("java.util.Date") && name.equals("<init>");
        });
    }
}
