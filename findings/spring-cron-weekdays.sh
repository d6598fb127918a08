#!/usr/bin/env bash
# Spring Framework 7.0.9 (spring-context), CronExpression: "31W", the weekday nearest to the 31st, leaves out January 2027 and each other month
# whose 31st is a Sunday, although Friday the 29th is in the month and months whose 31st is a Saturday run on the Friday before. And "7-7" as
# the day of the week, which reads as Sundays alone, runs every day; "7" and "0-0" run on Sundays.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.springframework</groupId><artifactId>spring-context</artifactId><version>7.0.9</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import java.time.LocalDateTime;
import org.springframework.scheduling.support.CronExpression;

class Finding {
    public static void main(String[] args) {
        for (String days : new String[] {"31W * *", "* * 7-7", "* * 0-0", "* * 7"}) {
            CronExpression expression = CronExpression.parse("0 0 0 " + days);
            StringBuilder line = new StringBuilder(days).append(':');
            LocalDateTime time = LocalDateTime.parse("2026-12-15T00:00");
            for (int i = 0; i < 4; i++) {
                time = expression.next(time);
                line.append(' ').append(time.toLocalDate());
            }
            System.out.println(line);
        }
    }
}
JAVA
java -cp 'lib/*' Finding.java > seen
cat > expected <<'SEEN'
31W * *: 2026-12-31 2027-03-31 2027-05-31 2027-07-30
* * 7-7: 2026-12-16 2026-12-17 2026-12-18 2026-12-19
* * 0-0: 2026-12-20 2026-12-27 2027-01-03 2027-01-10
* * 7: 2026-12-20 2026-12-27 2027-01-03 2027-01-10
SEEN
cat seen
diff expected seen
