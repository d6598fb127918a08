#!/usr/bin/env bash
# JobRunr 8.7.0 on a JDK 17: each answer of the dashboard's server takes 40 ms and more on a connection that is kept.
# Expected: an answer of a few bytes from memory, over loopback, takes a millisecond or two.
# Seen: 44 ms. The dashboard is served by com.sun.net.httpserver, which writes the head of an answer and its body apart and leaves Nagle's
# algorithm on: the body waits until the browser acknowledges the head, which it puts off for 40 ms. With the property of the JDK
# -Dsun.net.httpserver.nodelay=true it takes 2 to 4 ms, and so it does on a JDK 25 without it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.jobrunr</groupId><artifactId>jobrunr</artifactId><version>8.7.0</version></dependency>
        <dependency><groupId>tools.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>3.1.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.net.*;
import java.net.http.*;
import java.util.Arrays;
import org.jobrunr.dashboard.JobRunrApiHandler;
import org.jobrunr.storage.InMemoryStorageProvider;
import org.jobrunr.utils.mapper.jackson3.Jackson3JsonMapper;

/** The dashboard's own handler of requests, on a server as the dashboard makes one, but on loopback alone. */
class Finding {
    public static void main(String[] args) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        JobRunrApiHandler api = new JobRunrApiHandler(new InMemoryStorageProvider(), new Jackson3JsonMapper(), false);
        server.createContext(api.getContextPath(), api);
        server.start();
        HttpClient browser = HttpClient.newHttpClient();
        HttpRequest servers = HttpRequest.newBuilder(
                        URI.create("http://localhost:" + server.getAddress().getPort() + "/api/servers"))
                .build();
        long[] millis = new long[50];
        for (int i = 0; i < 100; i++) {
            long asked = System.nanoTime();
            HttpResponse<String> answer = browser.send(servers, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException("status " + answer.statusCode());
            }
            if (i >= 50) {
                millis[i - 50] = (System.nanoTime() - asked) / 1_000_000;
            }
        }
        Arrays.sort(millis);
        System.err.println("median " + millis[25] + " ms");
        System.out.println(millis[25] >= 35 ? "35 ms or more" : "less than 35 ms");
        System.exit(0);
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
{
    java -cp 'lib/*:.' Finding
    java -Dsun.net.httpserver.nodelay=true -cp 'lib/*:.' Finding
} | tee out.txt
diff - out.txt <<'SEEN'
35 ms or more
less than 35 ms
SEEN
