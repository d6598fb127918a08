#!/usr/bin/env bash
# Angus Mail 2.0.5: the POP3 folder's close(true), "expunge", returns normally when the server deleted nothing.
# Expected: a MessagingException, as for a connection that fails at DELE. The caller has handled the mail, and will meet it again.
# Seen: the library drops the answer to DELE, -ERR included, and the answer to QUIT. With the latter a server says "some deleted messages not
# removed" (RFC 1939, 6: messages are removed only after QUIT). A reset of the connection in place of that answer is dropped, too.
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
    enum Server { DELETES, IS_RESET_AT_DELE, REFUSES_DELE, REFUSES_QUIT, IS_RESET_AT_QUIT }

    public static void main(String[] args) throws Exception {
        for (Server kind : Server.values()) {
            List<String> heard = Collections.synchronizedList(new ArrayList<>());
            try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
                Thread server = new Thread(() -> serve(listener, kind, heard));
                server.setDaemon(true);
                server.start();
                Store store = Session.getInstance(new Properties()).getStore("pop3");
                store.connect("127.0.0.1", listener.getLocalPort(), "ann", "secret");
                Folder inbox = store.getFolder("INBOX");
                inbox.open(Folder.READ_WRITE);
                inbox.getMessage(1).setFlag(Flags.Flag.DELETED, true);
                String end;
                try {
                    inbox.close(true);
                    store.close();
                    end = "no error";
                } catch (MessagingException e) {
                    end = e.getClass().getSimpleName();
                }
                System.out.println("server " + kind + ": " + end + " after " + heard);
            }
        }
    }

    static void serve(ServerSocket listener, Server kind, List<String> heard) {
        try (Socket socket = listener.accept()) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            say(socket, "+OK hello");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                switch (line.split(" ")[0]) {
                    case "CAPA" -> say(socket, "+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.");
                    case "STAT" -> say(socket, "+OK 1 200");
                    case "DELE" -> {
                        heard.add(line);
                        if (kind == Server.IS_RESET_AT_DELE) {
                            socket.setSoLinger(true, 0); // close() resets
                            return;
                        }
                        say(socket, kind == Server.REFUSES_DELE ? "-ERR mailbox is read-only" : "+OK");
                    }
                    case "QUIT" -> {
                        heard.add(line);
                        if (kind == Server.IS_RESET_AT_QUIT) {
                            socket.setSoLinger(true, 0);
                        } else {
                            say(socket, kind == Server.REFUSES_QUIT ? "-ERR some deleted messages not removed" : "+OK");
                        }
                        return;
                    }
                    default -> say(socket, "+OK");
                }
            }
        } catch (IOException e) {
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
server DELETES: no error after [DELE 1, QUIT]
server IS_RESET_AT_DELE: MessagingException after [DELE 1]
server REFUSES_DELE: no error after [DELE 1, QUIT]
server REFUSES_QUIT: no error after [DELE 1, QUIT]
server IS_RESET_AT_QUIT: no error after [DELE 1, QUIT]
SEEN
