#!/usr/bin/env bash
# cron-utils 9.2.1: whether a daily 02:30 job runs once or twice on the night when clocks go back depends on when one asks.
# Asked from its own last answer (the first pass), cron-utils goes on to the next day: the job runs once.
# Asked at any moment between the two passes, as a scheduler does that was restarted or ran late, it gives the second pass: the job runs twice.
# db-scheduler's cron schedules rest on this.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>com.cronutils</groupId><artifactId>cron-utils</artifactId><version>9.2.1</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.time.*;

class Finding {
    public static void main(String[] args) {
        ExecutionTime daily = ExecutionTime.forCron(new CronParser(
                CronDefinitionBuilder.instanceDefinitionFor(CronType.SPRING53)).parse("0 30 2 * * *"));
        ZoneId berlin = ZoneId.of("Europe/Berlin");
        ZonedDateTime evening = Instant.parse("2026-10-24T20:00:00Z").atZone(berlin);
        ZonedDateTime first = daily.nextExecution(evening).orElseThrow();
        System.out.println("first answer:              " + first.toInstant());
        System.out.println("asked from that answer:    " + daily.nextExecution(first).orElseThrow().toInstant());
        ZonedDateTime restarted = Instant.parse("2026-10-25T00:45:00Z").atZone(berlin);
        System.out.println("asked 15 minutes later:    " + daily.nextExecution(restarted).orElseThrow().toInstant());
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
first answer:              2026-10-25T00:30:00Z
asked from that answer:    2026-10-26T01:30:00Z
asked 15 minutes later:    2026-10-25T01:30:00Z
SEEN
