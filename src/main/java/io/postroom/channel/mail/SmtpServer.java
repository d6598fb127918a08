package io.postroom.channel.mail;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsVerdict;
import io.postroom.channel.mail.MailSettings.Encryption;
import io.postroom.channel.mail.SmtpFailure.Line;
import io.postroom.channel.mail.SmtpFailure.Step;
import io.postroom.internal.loop.NameLookups;
import jakarta.mail.Address;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.ByteArrayInputStream;
import java.io.UnsupportedEncodingException;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.commons.pool2.BasePooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.PooledObjectState;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.apache.commons.pool2.impl.GenericObjectPool;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One SMTP server: keeps connections to it, sends, and turns its answers into outcomes. Thread-safe.
 *
 * <p>What the server says, and what becomes of the message:
 *
 * <pre>
 * where                        answer             outcome
 * connect, EHLO, AUTH          4xx, 5xx, none     notNow: the server or our access to it is at fault, not this mail
 * anywhere                     421                notNow
 * MAIL FROM                    4xx, none          notNow
 * MAIL FROM                    530, 534, 535, 538 notNow: login
 * anywhere before the content   none at the end of the attempt   retry: the server may be slow, and the limit of the handler short
 * RCPT TO, DATA                none in time       notNow: nothing of the mail was sent
 * RCPT TO, DATA                line dropped       retry: a recipient the server cannot digest must not stop all others for ever
 * RCPT TO, DATA, end of DATA   4xx                retry
 * RCPT TO                      552                retry, as RFC 5321 asks
 * MAIL FROM and later          other 5xx          reject
 * content, end of DATA         none               retry: it may have been taken; the repeat is the same mail
 * </pre>
 *
 * <p>A mail goes to all its recipients or to none: when one is refused, the conversation ends before DATA. Then 421 decides, else one
 * permanent refusal (a repeat cannot help), else retry. To treat recipients separately, create a message for each.
 *
 * <p>After a notNow the server gets no mail for the settings' {@code parkFor}; until then further mails get the same outcome at once. This
 * is kept in memory, per process. A pooled connection that turns out to be closed before anything of the mail was sent is replaced by a
 * fresh one, once.
 */
final class SmtpServer implements MailOutlet {
    private static final Logger log = LoggerFactory.getLogger(SmtpServer.class);

    /** Wait for a connection when all are in use; after that the message goes back for {@link #BUSY_WAIT}. */
    private static final Duration POOL_WAIT = Duration.ofSeconds(10);

    private static final Duration BUSY_WAIT = Duration.ofSeconds(1);
    /** Age at which an idle connection is closed; servers do it after 10 s (Exchange's tarpit settings) to 5 min (Postfix). */
    private static final Duration IDLE_FOR = Duration.ofSeconds(30);

    private final MailSettings settings;
    private final String host;
    private final MimeComposer composer;
    private final Session session;
    private final GenericObjectPool<SmtpConnection> connections;
    private final ScheduledThreadPoolExecutor timers = timers();
    private final NameLookups lookups;
    private final Duration poolWait;
    private final LongSupplier nanoTime;
    private volatile long parkedUntil;

    SmtpServer(MailSettings settings) {
        this(settings, POOL_WAIT, System::nanoTime, InetAddress::getAllByName);
    }

    SmtpServer(MailSettings settings, Duration poolWait, LongSupplier nanoTime, NameLookups.Lookup lookup) {
        this.settings = settings;
        this.host = settings.host().orElseThrow();
        this.composer = new MimeComposer(settings);
        this.session = MimeComposer.newSession(properties(settings));
        this.poolWait = poolWait;
        this.lookups = new NameLookups("postroom-mail", lookup);
        this.connections = new GenericObjectPool<>(new Connections(), poolConfig(settings, poolWait));
        this.nanoTime = nanoTime;
        this.parkedUntil = nanoTime.getAsLong();
    }

    @Override
    public Outcome deliver(Mail mail, UUID id, Instant createdAt, Instant attemptEnd) throws InterruptedException {
        long parkedNanos = parkedUntil - nanoTime.getAsLong();
        if (parkedNanos > 0) {
            return Outcome.notNow(host, Duration.ofNanos(parkedNanos));
        }
        byte[] bytes = composer.compose(mail, id, createdAt, false);
        Outcome outcome;
        try (LibraryClassLoader loader = new LibraryClassLoader();
                AnswerGuard.AttemptEnd end = AnswerGuard.attemptUntil(attemptEnd)) {
            outcome = send(parse(bytes), envelope(mail), true);
        }
        log.debug("Mail {} to {}: {}", id, host, outcome);
        return outcome;
    }

    @Override
    public SettingsVerdict test() {
        long started = System.nanoTime();
        String text;
        boolean ok = false;
        try (LibraryClassLoader loader = new LibraryClassLoader()) {
            SmtpConnection.open(session, settings, timers, lookups).close();
            ok = true;
            text = settings.username().isPresent() ? "took the connection and the login" : "took the connection";
        } catch (SmtpFailure failure) {
            text = failure.text();
        } catch (MessagingException closing) {
            text = "took the connection, and broke it at its end";
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            text = "was not asked: interrupted";
        }
        return new SettingsVerdict(
                ok, host + ":" + settings.port() + ": " + text, Duration.ofNanos(System.nanoTime() - started));
    }

    /** Closes the idle connections at once, and those in use when their mail is sent. */
    @Override
    public void close() {
        connections.close();
    }

    private Outcome send(MimeMessage message, Address[] recipients, boolean mayRepeat) throws InterruptedException {
        SmtpConnection connection;
        try {
            connection = borrow();
        } catch (SmtpFailure failure) {
            return outcomeOf(failure);
        } catch (NoSuchElementException e) {
            return Outcome.snooze(BUSY_WAIT, "all " + settings.poolSize() + " connections to " + host + " are busy");
        }
        boolean reused = connection.isUsed();
        SmtpFailure failure;
        try {
            connection.send(message, recipients);
            return Outcome.done();
        } catch (SmtpFailure e) {
            failure = e;
        } finally {
            connections.returnObject(connection);
        }
        if (mayRepeat && reused && isStaleConnection(failure)) {
            // The other idle connections are as old.
            connections.clear();
            return send(message, recipients, false);
        }
        return outcomeOf(failure);
    }

    private static boolean isStaleConnection(SmtpFailure failure) {
        return failure.step() != Step.CONTENT && (failure.line() == Line.BROKEN || failure.isShuttingDown());
    }

    private Outcome outcomeOf(SmtpFailure failure) {
        Step step = failure.step();
        if (failure.line() == Line.TIMED_OUT && !failure.isUnknown() && AnswerGuard.isAttemptOver()) {
            return Outcome.retry(failure.text());
        }
        if (step == Step.CONNECT || failure.isShuttingDown() || failure.isAboutLogin()) {
            return park(failure);
        }
        if (failure.isUnknown()) {
            return Outcome.retry(host + " may have taken the mail: " + failure.text());
        }
        if (failure.isPermanent()) {
            return Outcome.reject(failure.text());
        }
        if (step == Step.MAIL || failure.line() == Line.TIMED_OUT) {
            return park(failure);
        }
        return Outcome.retry(failure.text());
    }

    private Outcome park(SmtpFailure failure) {
        parkedUntil = nanoTime.getAsLong() + settings.parkFor().toNanos();
        connections.clear();
        if (failure.isAnswered() && failure.isPermanent()) {
            log.error(
                    "SMTP server {}:{} refuses us, mails wait; next try in {}: {}",
                    host,
                    settings.port(),
                    settings.parkFor(),
                    failure.text());
        } else {
            log.warn(
                    "SMTP server {}:{} takes nothing now, mails wait; next try in {}: {}",
                    host,
                    settings.port(),
                    settings.parkFor(),
                    failure.text());
        }
        return Outcome.notNow(host, settings.parkFor());
    }

    private SmtpConnection borrow() throws SmtpFailure, InterruptedException {
        try {
            return connections.borrowObject(AnswerGuard.within(poolWait));
        } catch (SmtpFailure | InterruptedException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException("The pool of connections to " + host + " failed", e);
        }
    }

    /** Parses the composed bytes, so that sending copies bytes and composes nothing. */
    private MimeMessage parse(byte[] bytes) {
        try {
            return new MimeMessage(session, new ByteArrayInputStream(bytes));
        } catch (MessagingException e) {
            throw new IllegalStateException("A composed mail cannot be read back: " + e.getMessage(), e);
        }
    }

    /** Lists each address once, without display names. */
    private static Address[] envelope(Mail mail) {
        Map<String, Address> addresses = new LinkedHashMap<>();
        try {
            for (MailAddress recipient : mail.recipients()) {
                addresses.put(recipient.address(), MimeComposer.toInternet(new MailAddress("", recipient.address())));
            }
        } catch (UnsupportedEncodingException e) {
            throw new AssertionError("Every JVM has UTF-8", e);
        }
        return addresses.values().toArray(Address[]::new);
    }

    private static Properties properties(MailSettings settings) {
        Properties properties = new Properties();
        properties.setProperty("mail.smtp.connectiontimeout", millis(settings.connectTimeout()));
        properties.setProperty("mail.smtp.timeout", millis(settings.readTimeout()));
        properties.setProperty("mail.smtp.writetimeout", millis(settings.writeTimeout()));
        properties.put("mail.smtp.socketFactory", AnswerGuard.SOCKETS);
        // Else a connection that fails would be tried again, with a socket of the library's.
        properties.setProperty("mail.smtp.socketFactory.fallback", "false");
        // Looking up the name of this machine may take seconds of DNS, and would tell it to outsiders.
        properties.setProperty("mail.smtp.localhost", settings.effectiveDomain());
        properties.setProperty("mail.smtp.ssl.checkserveridentity", "true");
        boolean startTls = settings.encryption() == Encryption.START_TLS;
        properties.setProperty("mail.smtp.starttls.enable", String.valueOf(startTls));
        properties.setProperty("mail.smtp.starttls.required", String.valueOf(startTls));
        properties.setProperty("mail.smtp.ssl.enable", String.valueOf(settings.encryption() == Encryption.TLS));
        properties.setProperty(
                "mail.smtp.auth", String.valueOf(settings.username().isPresent()));
        properties.setProperty("mail.smtp.sendpartial", "false");
        // A server that answers QUIT slowly must not hold a worker.
        properties.setProperty("mail.smtp.quitwait", "false");
        return properties;
    }

    /** Its thread ends when it has nothing to do. It is never shut down: mails under way outlast the close. */
    private static ScheduledThreadPoolExecutor timers() {
        ScheduledThreadPoolExecutor timers = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "postroom-mail");
            thread.setDaemon(true);
            return thread;
        });
        timers.setRemoveOnCancelPolicy(true);
        timers.setKeepAliveTime(10, TimeUnit.SECONDS);
        timers.allowCoreThreadTimeOut(true);
        return timers;
    }

    private static String millis(Duration duration) {
        return String.valueOf(duration.toMillis());
    }

    private static GenericObjectPoolConfig<SmtpConnection> poolConfig(MailSettings settings, Duration poolWait) {
        GenericObjectPoolConfig<SmtpConnection> config = new GenericObjectPoolConfig<>();
        config.setMaxTotal(settings.poolSize());
        config.setMaxIdle(settings.poolSize());
        config.setTestOnBorrow(true);
        // Borrowing names its own wait. A connection that comes back broken, while others wait for one, is replaced
        // with this wait.
        config.setMaxWait(poolWait);
        // Removes broken connections. invalidateObject would open another one at once, even if nobody needs it
        // (commons-pool 2.13).
        config.setTestOnReturn(true);
        config.setMinEvictableIdleDuration(IDLE_FOR);
        config.setTimeBetweenEvictionRuns(IDLE_FOR.dividedBy(2));
        config.setJmxEnabled(false);
        return config;
    }

    private final class Connections extends BasePooledObjectFactory<SmtpConnection> {
        @Override
        public SmtpConnection create() throws SmtpFailure, InterruptedException {
            return SmtpConnection.open(session, settings, timers, lookups);
        }

        @Override
        public PooledObject<SmtpConnection> wrap(SmtpConnection connection) {
            return new DefaultPooledObject<>(connection);
        }

        /** Accepts a fresh connection. A used one must be fit for more mails, and answer NOOP before it is used again. */
        @Override
        public boolean validateObject(PooledObject<SmtpConnection> pooled) {
            SmtpConnection connection = pooled.getObject();
            if (!connection.isUsed()) {
                return true;
            }
            return connection.isFit(settings.mailsPerConnection(), settings.connectionMaxAge())
                    && (pooled.getState() == PooledObjectState.RETURNING || connection.isConnected());
        }

        @Override
        public void destroyObject(PooledObject<SmtpConnection> pooled) throws MessagingException {
            pooled.getObject().close();
        }
    }
}
