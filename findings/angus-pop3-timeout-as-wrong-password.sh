#!/usr/bin/env bash
# Angus Mail 2.0.5: a POP3 server that is slow, hangs up or lacks STLS looks like a wrong password.
# Expected: AuthenticationFailedException for a refused name or password only, and another MessagingException for what may pass.
# Seen: AuthenticationFailedException for a read timeout and for a closed connection, even at the greeting, before a name was sent. Likewise for
# a mailbox that another session has locked, and for a server without STLS where mail.pop3.starttls.required is set. The exception has no
# cause, so that only its text differs. A program that disables an account after a wrong password disables it for a slow server.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>org.eclipse.angus</groupId><artifactId>angus-mail</artifactId><version>2.0.5</version></dependency>
        <dependency><groupId>jakarta.mail</groupId><artifactId>jakarta.mail-api</artifactId><version>2.1.5</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import jakarta.mail.*;
import java.io.*;
import java.net.*;
import java.util.*;

class Finding {
    enum Server { REFUSES_PASSWORD, REFUSES_IN_GREETING, SLOW_GREETING, CLOSES_AT_GREETING, SLOW_AT_PASSWORD, CLOSES_AT_PASSWORD,
            MAILBOX_IN_USE, LACKS_STLS }

    public static void main(String[] args) throws Exception {
        for (Server kind : Server.values()) {
            try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
                Thread server = new Thread(() -> serve(listener, kind));
                server.setDaemon(true);
                server.start();
                Properties properties = new Properties();
                properties.setProperty("mail.pop3.timeout", "1000");
                properties.setProperty("mail.pop3.starttls.required", String.valueOf(kind == Server.LACKS_STLS));
                Store store = Session.getInstance(properties).getStore("pop3");
                try {
                    store.connect("127.0.0.1", listener.getLocalPort(), "ann", "secret");
                    System.out.println(kind + ": connected");
                } catch (MessagingException e) {
                    System.out.println(kind + ": " + e.getClass().getSimpleName() + ", " + e.getMessage() + ", cause " + e.getCause());
                }
            }
        }
    }

    static void serve(ServerSocket listener, Server kind) {
        try (Socket socket = listener.accept()) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            if (kind == Server.SLOW_GREETING) {
                Thread.sleep(3000);
            } else if (kind == Server.CLOSES_AT_GREETING) {
                return;
            }
            say(socket, kind == Server.REFUSES_IN_GREETING ? "-ERR [SYS/TEMP] maintenance" : "+OK hello");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.equals("CAPA")) {
                    say(socket, "+OK\r\nUSER\r\nUIDL\r\nRESP-CODES\r\n.");
                } else if (!line.startsWith("PASS")) {
                    say(socket, "+OK");
                } else if (kind == Server.REFUSES_PASSWORD) {
                    say(socket, "-ERR [AUTH] wrong password");
                } else if (kind == Server.MAILBOX_IN_USE) {
                    say(socket, "-ERR [IN-USE] locked by another session");
                } else if (kind == Server.SLOW_AT_PASSWORD) {
                    Thread.sleep(3000);
                } else {
                    return;
                }
            }
        } catch (IOException | InterruptedException e) {
            // the client has gone
        }
    }

    static void say(Socket socket, String line) throws IOException {
        socket.getOutputStream().write((line + "\r\n").getBytes());
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
REFUSES_PASSWORD: AuthenticationFailedException, [AUTH] wrong password, cause null
REFUSES_IN_GREETING: MessagingException, Connect failed, cause java.io.IOException: Connect failed
SLOW_GREETING: AuthenticationFailedException, Read timed out, cause null
CLOSES_AT_GREETING: AuthenticationFailedException, EOF on socket, cause null
SLOW_AT_PASSWORD: AuthenticationFailedException, Read timed out, cause null
CLOSES_AT_PASSWORD: AuthenticationFailedException, EOF on socket, cause null
MAILBOX_IN_USE: AuthenticationFailedException, [IN-USE] locked by another session, cause null
LACKS_STLS: AuthenticationFailedException, STLS required but not supported, cause null
SEEN
