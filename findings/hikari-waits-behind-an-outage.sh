#!/usr/bin/env bash
# HikariCP 7.1.0: a caller that waits for a connection goes on waiting for seconds after the database is back.
# Expected: a pool whose callers wait tries to connect at a steady pace, or one can set the pace, so that an outage ends for them when it ends.
# Seen: the pauses between two tries double from 10 ms to 5 s while the database refuses, whoever waits, and no setting bounds them. After an
# outage of 6 s a caller got its connection about 4 s after the database would have given one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>com.zaxxer</groupId><artifactId>HikariCP</artifactId><version>7.1.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.zaxxer.hikari.*;
import java.lang.reflect.Proxy;
import java.sql.*;
import java.util.*;
import javax.sql.DataSource;

/** The database is a data source that refuses for six seconds, at once, as a closed port does. */
class Finding {
    static final long START = System.nanoTime();
    static final List<Long> tries = Collections.synchronizedList(new ArrayList<>());

    static long millis() {
        return (System.nanoTime() - START) / 1_000_000;
    }

    public static void main(String[] args) throws Exception {
        Connection connection = (Connection) Proxy.newProxyInstance(
                Finding.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, given) -> switch (method.getName()) {
                    case "isValid", "getAutoCommit" -> true;
                    case "getTransactionIsolation", "getNetworkTimeout", "getHoldability" -> 2;
                    case "isReadOnly", "isClosed" -> false;
                    case "hashCode" -> 1;
                    case "equals" -> proxy == given[0];
                    default -> null;
                });
        DataSource database = (DataSource) Proxy.newProxyInstance(
                Finding.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, given) -> {
                    if (!method.getName().equals("getConnection")) {
                        return method.getReturnType() == int.class ? 0 : null;
                    }
                    tries.add(millis());
                    if (millis() < 6_000) {
                        throw new SQLException("connection refused", "08001");
                    }
                    return connection;
                });
        HikariConfig config = new HikariConfig();
        config.setDataSource(database);
        config.setMaximumPoolSize(1);
        config.setInitializationFailTimeout(-1);
        config.setConnectionTimeout(60_000);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            pool.getConnection();
            long late = millis() - 6_000;
            int doubled = 0;
            for (int i = 1; i + 1 < tries.size(); i++) {
                double factor = (double) (tries.get(i + 1) - tries.get(i)) / (tries.get(i) - tries.get(i - 1));
                doubled += factor > 1.5 && factor < 2.6 ? 1 : 0;
            }
            System.err.println("tries at " + tries + " ms");
            System.out.println("tries in six seconds: " + (tries.size() < 15 ? "fewer than 15" : tries.size()));
            System.out.println("pauses that are about twice the one before: " + (doubled >= 6 ? "six or more" : doubled));
            System.out.println("waited behind the outage: " + (late > 2_000 ? "more than 2 s" : late + " ms"));
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat err.txt out.txt
diff - out.txt <<'SEEN'
tries in six seconds: fewer than 15
pauses that are about twice the one before: six or more
waited behind the outage: more than 2 s
SEEN
