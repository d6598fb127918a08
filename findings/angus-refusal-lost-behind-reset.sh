#!/usr/bin/env bash
# Angus Mail 2.0.5: whether a caller learns that its mail was refused depends on what the server does after the refusal.
# Expected: an SMTPSendFailedException with the server's answer, "554 5.7.1 looks like spam" or "421 4.3.2 shutting down".
# Seen: the library sends RSET after the refusal. If the connection is reset meanwhile, or the answer to RSET comes too late, sendMessage throws
# a plain MessagingException with the IOException of the RSET. The answer to the mail, with its code, is nowhere in it: a mail that is refused
# for good looks like one that the server may have taken, and is sent again.
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
import jakarta.mail.internet.*;
import java.io.*;
import java.net.*;
import java.util.*;
import org.eclipse.angus.mail.smtp.SMTPSendFailedException;

class Finding {
    /** What the server does with the RSET behind its answer. */
    enum After { ANSWERS_RSET, RESETS_CONNECTION, ANSWERS_RSET_TOO_LATE }

    public static void main(String[] args) throws Exception {
        for (String answer : List.of("554 5.7.1 looks like spam", "421 4.3.2 shutting down")) {
            for (After after : After.values()) {
                try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
                    Thread server = new Thread(() -> serve(listener, answer, after));
                    server.setDaemon(true);
                    server.start();
                    System.out.println(answer.substring(0, 3) + ", " + after + ": " + send(listener.getLocalPort()));
                }
            }
        }
    }

    static String send(int port) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("mail.smtp.host", "127.0.0.1");
        properties.setProperty("mail.smtp.port", String.valueOf(port));
        properties.setProperty("mail.smtp.localhost", "client.example");
        properties.setProperty("mail.smtp.timeout", "2000");
        Session session = Session.getInstance(properties);
        MimeMessage message = new MimeMessage(session);
        message.setFrom("tickets@example.org");
        message.setRecipients(Message.RecipientType.TO, "ann@example.org");
        message.setText("hello");
        message.saveChanges();
        Transport transport = session.getTransport("smtp");
        transport.connect();
        try {
            transport.sendMessage(message, message.getAllRecipients());
            return "sent";
        } catch (SMTPSendFailedException e) {
            return "refused, code " + e.getReturnCode();
        } catch (MessagingException e) {
            StringWriter all = new StringWriter();
            e.printStackTrace(new PrintWriter(all));
            return e.getClass().getSimpleName() + ", answer " + (all.toString().matches("(?s).*(554|421) .*") ? "told" : "lost");
        }
    }

    static void serve(ServerSocket listener, String answer, After after) {
        try (Socket socket = listener.accept()) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            say(socket, "220 hello");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.equals("DATA")) {
                    say(socket, "354 go ahead");
                    while (!in.readLine().equals(".")) { }
                    say(socket, answer);
                } else if (line.equals("RSET") && after == After.RESETS_CONNECTION) {
                    socket.setSoLinger(true, 0); // close() resets, as a system does whose process ended with bytes unread
                    return;
                } else if (line.equals("RSET") && after == After.ANSWERS_RSET_TOO_LATE) {
                    Thread.sleep(3000);
                } else {
                    say(socket, "250 ok");
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
554, ANSWERS_RSET: refused, code 554
554, RESETS_CONNECTION: MessagingException, answer lost
554, ANSWERS_RSET_TOO_LATE: MessagingException, answer lost
421, ANSWERS_RSET: refused, code 421
421, RESETS_CONNECTION: MessagingException, answer lost
421, ANSWERS_RSET_TOO_LATE: MessagingException, answer lost
SEEN
