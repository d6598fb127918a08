#!/usr/bin/env bash
# Angus Mail 2.0.5: IMAPStore.isConnected() and hasCapability() log in a second time, and close the open folder if that login is refused.
# Expected: isConnected() tells whether the existing connection still works, and changes nothing.
# Seen: an open folder uses the store's only connection (1 is the pool's default size), so the store opens another one, to send a NOOP on it.
# A server may refuse that login, since it permits one connection a user, for example. Then isConnected() answers false and hasCapability()
# throws, and both have closed the folder, whose own connection worked.
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
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.angus.mail.imap.IMAPStore;

class Finding {
    interface Question {
        boolean ask(IMAPStore store) throws MessagingException;
    }

    public static void main(String[] args) throws Exception {
        Map<String, Question> questions = new LinkedHashMap<>();
        questions.put("isConnected()", IMAPStore::isConnected);
        questions.put("hasCapability(\"IDLE\")", store -> store.hasCapability("IDLE"));
        for (int limit : new int[] {10, 1}) {
            for (String question : questions.keySet()) {
                AtomicInteger logins = new AtomicInteger();
                try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
                    daemon(() -> accept(listener, logins, limit));
                    IMAPStore store = (IMAPStore) Session.getInstance(new Properties()).getStore("imap");
                    store.connect("127.0.0.1", listener.getLocalPort(), "ann", "secret");
                    Folder inbox = store.getFolder("INBOX");
                    inbox.open(Folder.READ_ONLY);
                    inbox.getMessageCount(); // the connection works
                    int before = logins.get();
                    String answer;
                    try {
                        answer = String.valueOf(questions.get(question).ask(store));
                    } catch (MessagingException e) {
                        answer = e.getMessage();
                    }
                    System.out.println("limit " + limit + ", " + question + ": " + answer + ", logins before " + before
                            + ", after " + logins.get() + ", folder open " + inbox.isOpen());
                }
            }
        }
    }

    static void accept(ServerSocket listener, AtomicInteger logins, int limit) {
        try {
            while (true) {
                Socket socket = listener.accept();
                daemon(() -> serve(socket, logins, limit));
            }
        } catch (IOException e) {
            // the case is over
        }
    }

    static void serve(Socket socket, AtomicInteger logins, int limit) {
        try (socket) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            say(socket, "* OK hello");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] words = line.split(" ");
                String answer = words[0] + " OK done";
                switch (words[1]) {
                    case "CAPABILITY" -> say(socket, "* CAPABILITY IMAP4rev1 IDLE");
                    case "LOGIN" -> {
                        if (logins.incrementAndGet() > limit) {
                            answer = words[0] + " NO [LIMIT] too many connections of this user";
                        }
                    }
                    case "EXAMINE" -> say(socket, "* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] valid");
                    case "LOGOUT" -> say(socket, "* BYE bye");
                    default -> { }
                }
                say(socket, answer);
            }
        } catch (IOException e) {
            // the client has gone
        }
    }

    static void say(Socket socket, String line) throws IOException {
        socket.getOutputStream().write((line + "\r\n").getBytes());
    }

    static void daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
limit 10, isConnected(): true, logins before 1, after 2, folder open true
limit 10, hasCapability("IDLE"): true, logins before 1, after 2, folder open true
limit 1, isConnected(): false, logins before 1, after 2, folder open false
limit 1, hasCapability("IDLE"): failed to create new store connection, logins before 1, after 2, folder open false
SEEN
