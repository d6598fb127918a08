#!/usr/bin/env bash
# HikariCP 7.1.0: a connection timeout that is changed while the pool runs counts only after up to half a minute.
# Expected: setConnectionTimeout, one of the few setters that a running pool takes (HikariConfigMXBean), holds for the next getConnection;
# getConnectionTimeout answers with the new value at once.
# Seen: the pool keeps a copy that only its housekeeping renews, every 30 s. A caller that comes right after the change still waits as long as
# the old value says, and the exception names that time. With housekeeping every second the new value counts after a second.
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
import javax.sql.DataSource;

/** A pool of one connection, which somebody has. Its timeout is changed from four seconds to half a second. */
class Finding {
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
                    return connection;
                });
        HikariConfig config = new HikariConfig();
        config.setDataSource(database);
        config.setMaximumPoolSize(1);
        config.setConnectionTimeout(4_000);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            pool.getConnection();
            Thread.sleep(1_000); // behind the first housekeeping
            pool.getHikariConfigMXBean().setConnectionTimeout(500);
            System.out.println("set to 500 ms, and answered: " + pool.getHikariConfigMXBean().getConnectionTimeout());
            System.out.println("at once: " + waited(pool));
            Thread.sleep(3_000);
            System.out.println("seven seconds later: " + waited(pool));
        }
    }

    static String waited(HikariDataSource pool) throws SQLException {
        long begun = System.nanoTime();
        try {
            pool.getConnection();
            return "a connection";
        } catch (SQLTransientConnectionException late) {
            return (System.nanoTime() - begun) / 1_000_000 > 3_000 ? "waits 4 s" : "waits 0.5 s";
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
{
    java -cp 'lib/*:.' Finding
    echo "with housekeeping every second"
    java -Dcom.zaxxer.hikari.housekeeping.periodMs=1000 -cp 'lib/*:.' Finding
} | tee out.txt
diff - out.txt <<'SEEN'
set to 500 ms, and answered: 500
at once: waits 4 s
seven seconds later: waits 4 s
with housekeeping every second
set to 500 ms, and answered: 500
at once: waits 4 s
seven seconds later: waits 0.5 s
SEEN
