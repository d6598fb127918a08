#!/usr/bin/env bash
# JobRunr 8.7.0: L, the last day of the month, means something else when it is not alone in its field.
# Expected: "0 0 15,L * *" runs on the 15th and on the last day, or it is refused. "0 0 15 * MON" runs on the 15th and on each Monday, as cron has
# it, and so "0 0 L * MON" is expected to run on the last day and on each Monday.
# Seen: in a list L stands for the 28th and all later days, so that the job runs four times at the end of a month of 31 days. Beside a day of
# the week L alone counts, and the job does not run on Mondays.
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
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import java.time.*;
import java.util.*;
import org.jobrunr.scheduling.cron.CronExpression;

class Finding {
    public static void main(String[] args) {
        for (String cron : List.of("0 0 L * *", "0 0 15,L * *", "0 0 15 * MON", "0 0 L * MON")) {
            CronExpression expression = new CronExpression(cron);
            Instant time = Instant.parse("2026-12-31T12:00:00Z");
            List<String> days = new ArrayList<>();
            while (true) {
                time = expression.next(time, time, ZoneOffset.UTC);
                LocalDate day = time.atOffset(ZoneOffset.UTC).toLocalDate();
                if (day.getYear() > 2027 || day.getMonthValue() > 2) {
                    break;
                }
                days.add(day.toString().substring(5));
            }
            System.out.println(cron + ": " + String.join(" ", days));
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
0 0 L * *: 01-31 02-28
0 0 15,L * *: 01-15 01-28 01-29 01-30 01-31 02-15 02-28
0 0 15 * MON: 01-04 01-11 01-15 01-18 01-25 02-01 02-08 02-15 02-22
0 0 L * MON: 01-31 02-28
SEEN
