#!/usr/bin/env bash
# JobRunr 8.7.0: a recurring job that is given another cron does not run by it until the run that the old cron had planned is over.
# Expected: scheduleRecurrently with a known id replaces the schedule, so the next run is one of the new cron.
# Seen: the server had already planned one run of "yearly" for January. The id then got a cron of every ten seconds and did not run once in
# 40 s, while a second id with the same new cron ran. The planned run stays SCHEDULED and counts as the one run that may be ahead.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.jobrunr</groupId><artifactId>jobrunr</artifactId><version>8.7.0</version></dependency>
        <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>2.20.1</version></dependency>
        <dependency><groupId>com.fasterxml.jackson.datatype</groupId><artifactId>jackson-datatype-jsr310</artifactId><version>2.20.1</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

mkdir finding
cat > finding/Finding.java <<'JAVA'
package finding;

import static org.jobrunr.server.BackgroundJobServerConfiguration.usingStandardBackgroundJobServerConfiguration;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.jobrunr.configuration.JobRunr;
import org.jobrunr.jobs.states.StateName;
import org.jobrunr.scheduling.BackgroundJob;
import org.jobrunr.storage.InMemoryStorageProvider;

public class Finding {
    static final AtomicInteger changed = new AtomicInteger();
    static final AtomicInteger fresh = new AtomicInteger();

    public static void runChanged() {
        changed.incrementAndGet();
    }

    public static void runFresh() {
        fresh.incrementAndGet();
    }

    public static void main(String[] args) throws Exception {
        InMemoryStorageProvider storage = new InMemoryStorageProvider();
        JobRunr.configure()
                .useStorageProvider(storage)
                .useBackgroundJobServer(usingStandardBackgroundJobServerConfiguration()
                        .andPollInterval(Duration.ofSeconds(5))
                        .andWorkerCount(2))
                .initialize();
        BackgroundJob.scheduleRecurrently("changed", "0 0 1 1 *", Finding::runChanged);
        for (int i = 0; i < 60 && storage.countJobs(StateName.SCHEDULED) == 0; i++) {
            Thread.sleep(500);
        }
        System.out.println("planned ahead by the yearly cron: " + storage.countJobs(StateName.SCHEDULED));
        BackgroundJob.scheduleRecurrently("changed", "*/10 * * * * *", Finding::runChanged);
        BackgroundJob.scheduleRecurrently("fresh", "*/10 * * * * *", Finding::runFresh);
        Thread.sleep(40_000);
        System.out.println("runs in 40 s: " + changed + " of the id whose cron was changed, " + fresh + " of the new id");
        boolean seen = changed.get() == 0 && fresh.get() >= 2;
        System.exit(seen ? 0 : 1);
    }
}
JAVA
javac -cp 'lib/*' -d . finding/Finding.java
java -cp 'lib/*:.' finding.Finding
