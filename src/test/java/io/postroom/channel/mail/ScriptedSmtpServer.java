package io.postroom.channel.mail;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import javax.net.ServerSocketFactory;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * An SMTP server that says what a test tells it to. Each verb ({@code GREETING}, {@code EHLO}, … and {@code .} for the end of the mail) has
 * answers used up in order, over all connections, before the usual one.
 */
final class ScriptedSmtpServer implements AutoCloseable {
    /** Closes the connection instead of answering. */
    static final String DROP = "DROP";
    /** Never answers. */
    static final String HANG = "HANG";
    /** Resets the connection instead of answering, as a system does whose process ended with commands unread. */
    static final String RESET = "RESET";
    /** Sends an answer byte by byte, and no end of it. */
    static final String DRIBBLE = "DRIBBLE";
    /** Sends an answer of 4 MiB in short lines. */
    static final String FLOOD = "FLOOD";

    private static final Map<String, String> USUAL = Map.of(
            "GREETING", "220 scripted",
            "EHLO", "250 scripted",
            "DATA", "354 go ahead",
            "QUIT", "221 bye");

    private final ServerSocket listener;
    private final @Nullable SSLSocketFactory startTls;
    private final Map<String, Deque<String>> answers = new ConcurrentHashMap<>();
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final List<List<String>> transcripts = new CopyOnWriteArrayList<>();
    private final List<byte[]> mails = new CopyOnWriteArrayList<>();

    ScriptedSmtpServer() throws IOException {
        this(ServerSocketFactory.getDefault(), null);
    }

    /** @param startTls turns a connection into TLS at STARTTLS; null: it is offered to nobody */
    ScriptedSmtpServer(ServerSocketFactory sockets, @Nullable SSLSocketFactory startTls) throws IOException {
        this.startTls = startTls;
        listener = sockets.createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        start(this::accept);
    }

    ScriptedSmtpServer answer(String verb, String... lines) {
        answers.computeIfAbsent(verb, v -> new ArrayDeque<>()).addAll(List.of(lines));
        return this;
    }

    MailSettings settings() {
        return MailSettings.defaults()
                .host("127.0.0.1")
                .port(listener.getLocalPort())
                .encryption(MailSettings.Encryption.NONE)
                .from("Tickets <tickets@example.org>");
    }

    int port() {
        return listener.getLocalPort();
    }

    int connections() {
        return transcripts.size();
    }

    /** The commands of one connection, in order; verbs in upper case. */
    List<String> commands(int connection) {
        return List.copyOf(transcripts.get(connection));
    }

    /** How often a verb was said, over all connections. */
    long count(String verb) {
        return transcripts.stream()
                .flatMap(List::stream)
                .filter(command -> verb(command).equals(verb))
                .count();
    }

    /** What was sent between DATA and the final dot, as it was on the wire. */
    List<byte[]> mails() {
        return mails;
    }

    /** Cuts all connections; new ones are welcome. */
    void cutConnections() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cutConnections();
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listener.accept();
                sockets.add(socket);
                List<String> transcript = new CopyOnWriteArrayList<>();
                transcripts.add(transcript);
                start(() -> converse(socket, transcript));
            }
        } catch (IOException closed) {
            // the test is over
        }
    }

    private void converse(Socket socket, List<String> transcript) {
        try (socket) {
            if (say(socket, "GREETING")) {
                listen(socket, transcript);
            }
        } catch (IOException cut) {
            // by the test or by the other side
        }
    }

    private void listen(Socket socket, List<String> transcript) throws IOException {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
        String line;
        while ((line = in.readLine()) != null) {
            transcript.add(line);
            String verb = verb(line);
            String answer = next(verb);
            if (!say(socket, answer, verb)) {
                return;
            }
            if (verb.equals("STARTTLS") && startTls != null) {
                SSLSocket secure = (SSLSocket) startTls.createSocket(socket, null, socket.getPort(), true);
                secure.setUseClientMode(false);
                listen(secure, transcript);
                return;
            }
            if (answer.startsWith("354")) {
                byte[] mail = readMail(in);
                transcript.add(".");
                mails.add(mail);
                if (!say(socket, ".")) {
                    return;
                }
            }
        }
    }

    private static byte[] readMail(BufferedReader in) throws IOException {
        StringBuilder mail = new StringBuilder();
        int c;
        while ((c = in.read()) >= 0) {
            mail.append((char) c);
            if (c == '\n' && (endsWith(mail, "\r\n.\r\n") || mail.toString().equals(".\r\n"))) {
                mail.setLength(mail.length() - 3);
                break;
            }
        }
        return mail.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static boolean endsWith(StringBuilder text, String end) {
        return text.length() >= end.length()
                && text.substring(text.length() - end.length()).equals(end);
    }

    private boolean say(Socket socket, String verb) throws IOException {
        return say(socket, next(verb), verb);
    }

    private static boolean say(Socket socket, String answer, String verb) throws IOException {
        if (answer.equals(RESET)) {
            socket.setSoLinger(true, 0);
        }
        if (answer.equals(DROP) || answer.equals(RESET)) {
            return false;
        }
        if (answer.equals(DRIBBLE)) {
            dribble(socket.getOutputStream());
        } else if (!answer.equals(HANG)) {
            String said = answer.equals(FLOOD) ? "250-and\r\n".repeat(512 * 1024) + "250 ok" : answer;
            OutputStream out = socket.getOutputStream();
            out.write((said + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
        }
        return !verb.equals("QUIT");
    }

    private static void dribble(OutputStream out) throws IOException {
        while (true) { // until the other side has gone
            out.write('2');
            out.flush();
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
        }
    }

    private String next(String verb) {
        Deque<String> scripted = answers.get(verb);
        if (scripted != null) {
            synchronized (scripted) {
                if (!scripted.isEmpty()) {
                    return scripted.poll();
                }
            }
        }
        return USUAL.getOrDefault(verb, "250 ok");
    }

    private static String verb(String line) {
        return line.split("[ :]", 2)[0].toUpperCase(Locale.ROOT);
    }

    private static void start(Runnable work) {
        Thread thread = new Thread(work, "scripted-smtp");
        thread.setDaemon(true);
        thread.start();
    }

    /** Undoes dot stuffing. */
    static byte[] unstuffed(byte[] wire) {
        String text = new String(wire, StandardCharsets.ISO_8859_1);
        List<String> lines = new ArrayList<>();
        for (String line : text.split("\r\n", -1)) {
            lines.add(line.startsWith(".") ? line.substring(1) : line);
        }
        return String.join("\r\n", lines).getBytes(StandardCharsets.ISO_8859_1);
    }
}
