#!/usr/bin/env bash
# Spring Framework 7.0.9 (spring-tx): ConfigurableTransactionManager.addListener on a manager that is in use makes a transaction of another
# thread fail. The listeners stand in an ArrayList that each begin and commit goes through, so a commit that is under way while a listener
# is added ends with ConcurrentModificationException, and nothing is committed. Nothing in the interface says that listeners must be there
# before the first transaction. A new list by setTransactionExecutionListeners disturbs nobody.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.springframework</groupId><artifactId>spring-jdbc</artifactId><version>7.0.9</version></dependency>
        <dependency><groupId>com.h2database</groupId><artifactId>h2</artifactId><version>2.4.240</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import java.util.*;
import java.util.concurrent.*;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.*;
import org.springframework.transaction.support.TransactionTemplate;

class Finding {
    static final TransactionExecutionListener NEW = new TransactionExecutionListener() {};

    public static void main(String[] args) throws Exception {
        System.out.println("addListener: " + commitWhile(manager -> manager.addListener(NEW)));
        System.out.println("new list: " + commitWhile(manager -> {
            List<TransactionExecutionListener> all = new ArrayList<>(manager.getTransactionExecutionListeners());
            all.add(NEW);
            manager.setTransactionExecutionListeners(all);
        }));
    }

    /** Commits on this thread; another thread changes the listeners while the first one is told of the commit. */
    static String commitWhile(Consumer<JdbcTransactionManager> change) throws Exception {
        DataSource database = new DriverManagerDataSource("jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1");
        JdbcTemplate jdbc = new JdbcTemplate(database);
        jdbc.execute("create table item (id int)");
        JdbcTransactionManager manager = new JdbcTransactionManager(database);
        manager.addListener(new TransactionExecutionListener() {
            @Override
            public void beforeCommit(TransactionExecution transaction) {
                CompletableFuture.runAsync(() -> change.accept(manager)).join();
            }
        });
        manager.addListener(new TransactionExecutionListener() {});
        String end = "committed";
        try {
            new TransactionTemplate(manager).executeWithoutResult(status -> jdbc.update("insert into item values (1)"));
        } catch (RuntimeException failed) {
            end = failed.getClass().getSimpleName();
        }
        return end + ", rows " + jdbc.queryForObject("select count(*) from item", Integer.class);
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
addListener: ConcurrentModificationException, rows 0
new list: committed, rows 1
SEEN
