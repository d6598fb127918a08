#!/usr/bin/env bash
# Apache Commons Pool 2.13.1: giving a broken connection back by invalidateObject opens another one, and throws when that cannot be opened.
# Expected: the broken one is destroyed; a new one is made when somebody wants one, as 2.12.1 does.
# Seen: since 2.13.0 a replacement is made at once, in the caller's thread, though nobody waits. While the server is away, invalidateObject
# itself throws "Connection refused", although the object was invalidated. In a finally block that hides why the connection was broken.
# With maxIdle = 0 neither happens. (Reported upstream as POOL-431.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.apache.commons</groupId><artifactId>commons-pool2</artifactId><version>${pool}</version></dependency>
    </dependencies>
</project>
POM
for version in 2.12.1 2.13.1; do
    mvn -q -B -ntp -Dpool=$version org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib-$version
done

cat > Finding.java <<'JAVA'
import java.net.ConnectException;
import org.apache.commons.pool2.*;
import org.apache.commons.pool2.impl.*;

class Finding extends BasePooledObjectFactory<Object> {
    static boolean away;
    static int made;

    @Override
    public Object create() throws ConnectException {
        if (away) {
            throw new ConnectException("Connection refused");
        }
        made++;
        return new Object();
    }

    @Override
    public PooledObject<Object> wrap(Object object) {
        return new DefaultPooledObject<>(object);
    }

    public static void main(String[] args) throws Exception {
        GenericObjectPool<Object> pool = new GenericObjectPool<>(new Finding());
        for (int i = 0; i < 2; i++) {
            Object broken = pool.borrowObject();
            away = i == 1;
            made = 0;
            String ended = "returned";
            try {
                pool.invalidateObject(broken);
            } catch (Exception e) {
                ended = "threw " + e;
            }
            System.out.println((away ? "server away: " : "server there: ") + ended + ", made " + made + ", idle " + pool.getNumIdle());
        }
    }
}
JAVA
for version in 2.12.1 2.13.1; do
    javac -cp "lib-$version/*" -d classes-$version Finding.java
    echo "$version" >> out.txt
    java -cp "lib-$version/*:classes-$version" Finding >> out.txt
done
cat out.txt
diff - out.txt <<'SEEN'
2.12.1
server there: returned, made 0, idle 0
server away: returned, made 0, idle 0
2.13.1
server there: returned, made 1, idle 1
server away: threw java.net.ConnectException: Connection refused, made 0, idle 0
SEEN
