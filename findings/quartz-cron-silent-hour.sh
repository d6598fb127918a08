#!/usr/bin/env bash
# Quartz 2.5.2: on the night when clocks go back, a trigger for every ten minutes fires six times in two hours.
# Expected: */10 fires in both passes of the doubled hour (twelve times), as Spring, cron-utils and croner do.
# Seen: nothing between 02:00 and 03:00 summer time; only the second pass is served. A queue polled by such a trigger rests for 70 minutes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.quartz-scheduler</groupId><artifactId>quartz</artifactId><version>2.5.2</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import java.time.*;
import java.util.*;
import org.quartz.CronExpression;

class Finding {
    public static void main(String[] args) throws Exception {
        CronExpression everyTenMinutes = new CronExpression("0 */10 * * * ?");
        everyTenMinutes.setTimeZone(TimeZone.getTimeZone("Europe/Berlin"));
        // 02:00 to 03:00 happens twice: first at +02:00 (from 00:00Z), then at +01:00 (from 01:00Z).
        Date at = Date.from(Instant.parse("2026-10-24T23:55:00Z"));
        Date end = Date.from(Instant.parse("2026-10-25T02:00:00Z"));
        List<String> fired = new ArrayList<>();
        for (Date next = everyTenMinutes.getNextValidTimeAfter(at); next.before(end); next = everyTenMinutes.getNextValidTimeAfter(next)) {
            fired.add(next.toInstant().toString().substring(11, 16));
        }
        System.out.println(fired.size() + " of 12: " + fired);
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
6 of 12: [01:00, 01:10, 01:20, 01:30, 01:40, 01:50]
SEEN
