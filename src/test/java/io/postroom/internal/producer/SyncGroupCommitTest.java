package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Shows which thread writes for which others. The first write is held open until the other threads have come. */
@Timeout(30)
class SyncGroupCommitTest {
    private final List<List<NewMessage>> written = new CopyOnWriteArrayList<>();
    private final List<NewMessage> writtenAgain = new CopyOnWriteArrayList<>();
    private final CountDownLatch firstMayEnd = new CountDownLatch(1);

    @Test
    void lone_message_is_written_at_once_by_its_own_thread() {
        SyncGroupCommit commits = commits(this::write, this::again);
        NewMessage row = row();

        assertThat(commits.add(row).id()).isEqualTo(row.id());

        assertThat(written).containsExactly(List.of(row));
    }

    @Test
    void those_that_come_while_one_is_written_share_the_next_commit() throws Exception {
        SyncGroupCommit commits = commits(this::writeHeld, this::again);
        List<NewMessage> rows = rows(6);

        List<CompletableFuture<EnqueueResult>> ends = addAllWhileTheFirstIsWritten(commits, rows);

        for (int i = 0; i < rows.size(); i++) {
            assertThat(ends.get(i).get().id()).isEqualTo(rows.get(i).id());
        }
        assertThat(written).hasSize(2);
        assertThat(written.get(0)).containsExactly(rows.get(0));
        assertThat(written.get(1)).containsExactlyInAnyOrderElementsOf(rows.subList(1, 6));
        assertThat(writtenAgain).isEmpty();
    }

    @Test
    void more_than_a_group_may_hold_share_the_next_commits() throws Exception {
        SyncGroupCommit commits = commits(this::writeHeld, this::again);
        List<NewMessage> rows = rows(1 + SyncGroupCommit.LARGEST_GROUP + 3);

        List<CompletableFuture<EnqueueResult>> ends = addAllWhileTheFirstIsWritten(commits, rows);

        for (int i = 0; i < rows.size(); i++) {
            assertThat(ends.get(i).get().id()).isEqualTo(rows.get(i).id());
        }
        assertThat(written).extracting(List::size).containsExactly(1, SyncGroupCommit.LARGEST_GROUP, 3);
        assertThat(writtenAgain).isEmpty();
    }

    @Test
    void group_is_bounded_by_bytes_too() throws Exception {
        SyncGroupCommit commits = commits(this::writeHeld, this::again);
        List<NewMessage> rows = new ArrayList<>(rows(1));
        String large = "1".repeat((int) SyncGroupCommit.LARGEST_BYTES / 4);
        for (int i = 0; i < 9; i++) {
            rows.add(row(large));
        }

        List<CompletableFuture<EnqueueResult>> ends = addAllWhileTheFirstIsWritten(commits, rows);

        for (CompletableFuture<EnqueueResult> end : ends) {
            end.get();
        }
        assertThat(written).extracting(List::size).containsExactly(1, 4, 4, 1);
    }

    @Test
    void message_is_not_refused_for_its_neighbour() throws Exception {
        List<NewMessage> rows = rows(4);
        NewMessage bad = rows.get(2);
        SyncGroupCommit commits = commits(
                group -> {
                    List<EnqueueResult> answers = writeHeld(group);
                    if (group.contains(bad)) {
                        throw new IllegalArgumentException("refused");
                    }
                    return answers;
                },
                row -> {
                    if (row == bad) {
                        throw new IllegalArgumentException("refused");
                    }
                    return again(row);
                });

        List<CompletableFuture<EnqueueResult>> ends = addAllWhileTheFirstIsWritten(commits, rows);

        assertThat(ends.get(0).get().id()).isEqualTo(rows.get(0).id());
        assertThat(ends.get(1).get().id()).isEqualTo(rows.get(1).id());
        assertThat(ends.get(3).get().id()).isEqualTo(rows.get(3).id());
        assertThatThrownBy(() -> ends.get(2).get())
                .isInstanceOf(ExecutionException.class)
                .hasRootCauseInstanceOf(IllegalArgumentException.class);
        assertThat(writtenAgain).containsExactlyInAnyOrder(rows.get(1), rows.get(3));
    }

    @Test
    void failure_of_a_lone_message_is_its_own_and_the_next_one_is_written() {
        AtomicBoolean fail = new AtomicBoolean(true);
        SyncGroupCommit commits = commits(
                group -> {
                    if (fail.getAndSet(false)) {
                        throw new IllegalStateException("no");
                    }
                    return write(group);
                },
                this::again);

        assertThatThrownBy(() -> commits.add(row())).hasMessage("no");

        NewMessage next = row();
        assertThat(commits.add(next).id()).isEqualTo(next.id());
        assertThat(writtenAgain).isEmpty();
    }

    @Test
    void error_of_the_one_who_writes_leaves_nobody_waiting() throws Exception {
        SyncGroupCommit commits = commits(
                group -> {
                    List<EnqueueResult> answers = writeHeld(group);
                    if (group.size() > 1) {
                        throw new StackOverflowError();
                    }
                    return answers;
                },
                this::again);
        List<NewMessage> rows = rows(4);

        List<CompletableFuture<EnqueueResult>> ends = addAllWhileTheFirstIsWritten(commits, rows);

        int failed = 0;
        for (CompletableFuture<EnqueueResult> end : ends) {
            try {
                end.get();
            } catch (ExecutionException error) {
                assertThat(error).hasCauseInstanceOf(StackOverflowError.class);
                failed++;
            }
        }
        assertThat(failed).isEqualTo(1);
        assertThat(writtenAgain).hasSize(2);
    }

    @Test
    void interrupt_does_not_end_the_wait_and_is_kept() throws Exception {
        SyncGroupCommit commits = commits(this::writeHeld, this::again);
        List<NewMessage> rows = rows(2);
        Thread first = new Thread(() -> commits.add(rows.get(0)));
        first.start();
        await().until(() -> written.size() == 1);
        CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
        Thread second = new Thread(() -> {
            commits.add(rows.get(1));
            interrupted.complete(Thread.currentThread().isInterrupted());
        });
        second.start();
        await().until(() -> isWaiting(second));

        second.interrupt();
        firstMayEnd.countDown();

        assertThat(interrupted.get()).isTrue();
        assertThat(written).hasSize(2);
    }

    @Test
    void who_waits_long_behind_a_write_that_stands_still_writes_alone() throws Exception {
        SyncGroupCommit commits = new SyncGroupCommit(writer(this::writeHeld, this::again), Duration.ofMillis(50));
        List<NewMessage> rows = rows(3);
        CompletableFuture<EnqueueResult> first = CompletableFuture.supplyAsync(() -> commits.add(rows.get(0)));
        await().until(() -> written.size() == 1);

        assertThat(commits.add(rows.get(1)).id()).isEqualTo(rows.get(1).id());

        assertThat(first).isNotDone();
        assertThat(writtenAgain).containsExactly(rows.get(1));
        firstMayEnd.countDown();
        first.get();
        commits.add(rows.get(2));
        assertThat(written).containsExactly(List.of(rows.get(0)), List.of(rows.get(2)));
    }

    private static SyncGroupCommit commits(
            Function<List<NewMessage>, List<EnqueueResult>> write, Function<NewMessage, EnqueueResult> writeAgain) {
        return new SyncGroupCommit(writer(write, writeAgain), Duration.ofMinutes(1));
    }

    private static GroupWriter writer(
            Function<List<NewMessage>, List<EnqueueResult>> write, Function<NewMessage, EnqueueResult> writeAgain) {
        return new GroupWriter() {
            @Override
            public List<EnqueueResult> write(List<NewMessage> messages) {
                return write.apply(messages);
            }

            @Override
            public List<EnqueueResult> writeOnce(List<NewMessage> messages) {
                return write.apply(messages);
            }

            @Override
            public EnqueueResult writeAgain(NewMessage message, boolean mayBeStored) {
                return writeAgain.apply(message);
            }
        };
    }

    private static boolean isWaiting(Thread thread) {
        return thread.getState() == Thread.State.WAITING || thread.getState() == Thread.State.TIMED_WAITING;
    }

    /** Adds each on a thread of its own, in this order. All but the first are waiting when the first write ends. */
    private List<CompletableFuture<EnqueueResult>> addAllWhileTheFirstIsWritten(
            SyncGroupCommit commits, List<NewMessage> rows) {
        List<CompletableFuture<EnqueueResult>> ends = new ArrayList<>();
        for (NewMessage row : rows) {
            CompletableFuture<EnqueueResult> end = new CompletableFuture<>();
            Thread thread = new Thread(() -> {
                try {
                    end.complete(commits.add(row));
                } catch (Throwable error) {
                    end.completeExceptionally(error);
                }
            });
            thread.start();
            await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1)).until(() -> isWaiting(thread));
            ends.add(end);
        }
        firstMayEnd.countDown();
        return ends;
    }

    private List<EnqueueResult> writeHeld(List<NewMessage> group) {
        List<EnqueueResult> answers = write(group);
        if (written.size() == 1) {
            try {
                firstMayEnd.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
        return answers;
    }

    private List<EnqueueResult> write(List<NewMessage> group) {
        written.add(List.copyOf(group));
        return group.stream()
                .map(row -> new EnqueueResult(row.id(), true, true, written.size(), row.queues()))
                .toList();
    }

    private EnqueueResult again(NewMessage row) {
        writtenAgain.add(row);
        return new EnqueueResult(row.id(), true, true, 1, row.queues());
    }

    private static List<NewMessage> rows(int count) {
        List<NewMessage> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(row());
        }
        return rows;
    }

    private static NewMessage row() {
        return row("{}");
    }

    private static NewMessage row(String payload) {
        Content content = new Content(Direction.OUTGOING, null, 0, payload, null, null, null, null);
        return new NewMessage(MessageIds.next(), false, 1, "mail", 4, content, null, null, null, null);
    }
}
