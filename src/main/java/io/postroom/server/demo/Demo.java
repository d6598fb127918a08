package io.postroom.server.demo;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionOperations;

/**
 * Plays the ticketing application: reads a file of events and creates a message for each, then watches until all has ended.
 *
 * <ol>
 *   <li>In one transaction: lock the progress row, read up to 500 lines behind it, create their messages, move the progress on. So each
 *       line has its message exactly once, whenever the process is killed.
 *   <li>Write the paid orders into the folder that a file import watches: {@link OrderFiles}. {@link Accounting} sends them on, while
 *       {@link Takings} counts them by a schedule.
 *   <li>Show how many mails are sent and orders booked, once a second.
 *   <li>When no mail and no order waits any more: settle accounts in a batch, {@link Settlement}.
 *   <li>When that is completed: show the counts, and what to try next.
 * </ol>
 *
 * <p>A restart goes on where the file was left; a finished demo only says that it is. {@link TicketNotifications#handler} does the sending
 * and must be registered with the engine. Runs on a thread of its own; {@link #close} stops it between two transactions, before the engine
 * and the database stop.
 */
public final class Demo implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Demo.class);

    static final int BLOCK = 500;
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);
    private static final Set<String> WAITING = Set.of("READY", "IN_PROGRESS", "DELAYED");

    private final Postroom postroom;
    private final QueueMessages queueMessages;
    private final TransactionOperations transactions;
    private final DemoProgress progress;
    private final DemoBooks books;
    private final TicketFile file;
    private final Places places;
    private final int block;
    private final Hints hints;
    private final Consumer<String> terminal;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;
    private TicketFile.@Nullable Reader reader;
    private volatile boolean again;
    private String said = "";

    /**
     * Holds what the user is told at the end.
     *
     * @param api address of the HTTP API, as in {@code http://127.0.0.1:8080/api/v1}
     * @param psql how to open the database, as in {@code psql postgresql://postroom@127.0.0.1:5432/postroom}
     * @param mails a sentence on where the mails are
     */
    public record Hints(String api, String psql, String mails) {}

    /**
     * Where the demo's parts are.
     *
     * @param inbox the folder that the file import watches
     * @param accounting where the accounting system takes requests
     */
    public record Places(Path inbox, URI accounting) {}

    /**
     * @param postroom with the beans of {@link DemoBeans}
     * @param transactions of the transaction manager that Postroom uses, on this data source
     * @param terminal takes a line of text
     */
    public Demo(
            Postroom postroom,
            DataSource dataSource,
            TransactionOperations transactions,
            TicketFile file,
            Places places,
            Hints hints,
            Consumer<String> terminal) {
        this(postroom, postroom.queueMessages(), dataSource, transactions, file, BLOCK, places, hints, terminal);
    }

    /** @param block how many lines a transaction reads */
    Demo(
            Postroom postroom,
            QueueMessages queueMessages,
            DataSource dataSource,
            TransactionOperations transactions,
            TicketFile file,
            int block,
            Places places,
            Hints hints,
            Consumer<String> terminal) {
        this.postroom = postroom;
        this.queueMessages = queueMessages;
        this.transactions = transactions;
        this.progress = new DemoProgress(dataSource, file.name());
        this.books = new DemoBooks(dataSource);
        this.file = file;
        this.block = block;
        this.places = places;
        this.hints = hints;
        this.terminal = terminal;
        this.thread = new Thread(this::runAndReport, "postroom-demo");
        this.thread.setDaemon(true);
    }

    /** Runs {@link #run} in the background. Call it when the engine is up. */
    public void start() {
        thread.start();
    }

    /** Makes the demo read the file from the start again. Call it before {@link #start}. */
    public void again() {
        again = true;
    }

    /**
     * Ends what an earlier run left waiting, then forgets what it did. An order of it that came later would be booked among those of this
     * run, so this waits for those in progress: after a kill until the lease time is over, and a minute at most.
     */
    private void forgetEarlierRun() throws IOException, InterruptedException {
        progress.begin();
        long end = System.nanoTime() + LONGEST_WAIT.toNanos();
        do {
            OrderFiles.deleteWaiting(places.inbox());
            for (String queue : List.of(Accounting.QUEUE, Takings.QUEUE, Settlement.QUEUE, Settlement.TOTALS)) {
                if (postroom.queues().stats(queue).isPresent()) {
                    postroom.queues().purge(queue);
                }
            }
        } while (areOrdersLeft() && System.nanoTime() < end && !closed.await(200, TimeUnit.MILLISECONDS));
        progress.forget();
        books.create();
        books.forget();
    }

    private boolean areOrdersLeft() {
        return progress.isImporting()
                || postroom.queues()
                        .stats(Accounting.QUEUE)
                        .filter(queue -> queue.ready() + queue.delayed() + queue.inProgress() > 0)
                        .isPresent();
    }

    /**
     * Runs to the end, or until it is closed.
     *
     * @throws InvalidMessageException for a line of the file that is no event, by its number; what stands before its block has been created
     */
    public void run() throws IOException, InterruptedException {
        if (again) {
            forgetEarlierRun();
        }
        progress.begin();
        books.create();
        postroom.settings().declare(Accounting.entry(places.accounting()));
        int lines = file.lines();
        DemoScreen screen = new DemoScreen(terminal, lines);
        Optional<Instant> finishedAt = progress.finishedAt();
        if (finishedAt.isPresent()) {
            screen.alreadyFinished(finishedAt.get(), progress.countAllByState(), books.results(file.name()), hints);
            return;
        }
        postroom.schedules().declare(Takings.schedule());
        postroom.schedules().resume(Takings.SCHEDULE); // paused by a run before
        try {
            screen.begins(file.name(), progress.linesRead());
            play(screen);
        } finally {
            pauseSchedule();
        }
    }

    private void play(DemoScreen screen) throws IOException, InterruptedException {
        boolean all = false;
        while (!isClosed()) {
            try {
                if (!all) {
                    all = !createNextBlock();
                } else if (isSettled()) {
                    finish(screen);
                    return;
                }
                if (screen.isDue()) {
                    show(screen);
                }
            } catch (InvalidMessageException refused) {
                throw refused;
            } catch (DataAccessException | TransactionException | PostroomException e) {
                // Like the engine, the demo goes on by itself when the database is back: the progress row says where.
                sayOnce("The demo waits for the database: " + e.getMessage());
                all = false;
                closeReader();
                closed.await(1, TimeUnit.SECONDS);
            } catch (IOException e) {
                sayOnce("The demo cannot write its files of orders into " + places.inbox() + " and tries again: " + e);
                closed.await(1, TimeUnit.SECONDS);
            }
            if (all) {
                closed.await(200, TimeUnit.MILLISECONDS);
            }
        }
    }

    private void sayOnce(String trouble) {
        if (!trouble.equals(said)) {
            log.warn(trouble);
            said = trouble;
        }
    }

    /** Keeps the schedule from firing on behind a demo that stops, however it stops. */
    private void pauseSchedule() {
        try {
            postroom.schedules().pause(Takings.SCHEDULE);
        } catch (RuntimeException e) {
            log.warn("The demo's schedule {} is not paused: {}", Takings.SCHEDULE, e.getMessage());
        }
    }

    private void show(DemoScreen screen) {
        screen.show(
                progress.linesRead(),
                progress.countByState(TicketNotifications.QUEUE, TicketEvent.TYPE),
                books.orders());
    }

    private void finish(DemoScreen screen) {
        progress.finish();
        screen.finished(progress.countAllByState(), books.results(file.name()), hints);
    }

    /** Takes the next step behind the last event, if it is time for it. Returns whether the last one is done. */
    private boolean isSettled() throws IOException {
        if (!progress.areOrderFilesWritten()) {
            progress.orderFilesWritten(new OrderFiles(places.inbox(), progress.run()).write(file));
        }
        Optional<UUID> batch = progress.batch();
        if (batch.isEmpty()) {
            if (hasEnded(TicketNotifications.QUEUE, TicketEvent.TYPE)
                    && progress.areOrderFilesImported()
                    && hasEnded(Accounting.QUEUE, TicketEvent.TYPE)) {
                createBatch();
            }
            return false;
        }
        if (!books.isSettled(batch.get())) {
            return false;
        }
        postroom.schedules().pause(Takings.SCHEDULE); // fires no more from here on
        return hasEnded(Takings.QUEUE, Takings.TYPE);
    }

    private boolean hasEnded(String queue, String type) {
        return Collections.disjoint(progress.countByState(queue, type).keySet(), WAITING);
    }

    /** Creates the batch and writes down its number in one transaction: so there is one, whenever the process is killed. */
    private void createBatch() {
        transactions.executeWithoutResult(transaction -> {
            progress.lockLinesRead();
            if (progress.batch().isEmpty()) {
                progress.batchCreated(Settlement.create(postroom.batches(), queueMessages, books.shows()));
            }
        });
    }

    /** Stops the demo and waits for its end. A second call does nothing. */
    @Override
    public void close() {
        closed.countDown();
        try {
            thread.join();
            closeReader();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.debug("closing {} failed", file.name(), e);
        }
    }

    private void runAndReport() {
        try {
            run();
        } catch (InvalidMessageException e) {
            log.error("The demo stops: {}", e.getMessage());
        } catch (IOException | RuntimeException e) {
            log.error("The demo stops", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Creates the messages of the next block. Returns whether there was a line left. */
    private boolean createNextBlock() {
        return Boolean.TRUE.equals(transactions.execute(transaction -> {
            int read = progress.lockLinesRead();
            List<TicketFile.Line> lines = readAfter(read);
            if (lines.isEmpty()) {
                return false;
            }
            queueMessages.createMessages(
                    lines.stream().map(line -> message(line.event())).toList());
            progress.advance(read + lines.size());
            return true;
        }));
    }

    private static CreateMessage message(TicketEvent event) {
        return CreateMessage.to(TicketNotifications.QUEUE)
                .payload(event)
                .correlationId(event.trackingId().toString())
                .header("customer", event.email());
    }

    /** Reads on where the progress row says. After a rollback that is before the reader's place. */
    private List<TicketFile.Line> readAfter(int line) {
        try {
            TicketFile.Reader current = reader;
            if (current == null || current.line() != line) {
                closeReader();
                current = file.readAfter(line);
                reader = current;
            }
            return current.next(block);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file.name(), e);
        }
    }

    private void closeReader() throws IOException {
        TicketFile.Reader current = reader;
        reader = null;
        if (current != null) {
            current.close();
        }
    }

    private boolean isClosed() {
        return closed.getCount() == 0;
    }
}
