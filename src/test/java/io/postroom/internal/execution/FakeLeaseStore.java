package io.postroom.internal.execution;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartReports;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Remembers every completion, the refused ones too. A message whose lease is lost is left out of the answer, as in the database. */
class FakeLeaseStore implements LeaseStore {
    private final List<List<Completion>> batches = new ArrayList<>();
    private final List<Completion> inTransactions = new ArrayList<>();
    private final List<Integer> workers = new ArrayList<>();
    private final Set<UUID> lost = new HashSet<>();
    private final Map<UUID, ClaimedMessage> laterSnapshot = new ConcurrentHashMap<>();

    private final Map<UUID, Duration> undecodable = new ConcurrentHashMap<>();

    /** From now on this message's lease has gone. */
    synchronized void lose(ClaimedMessage message) {
        lost.add(message.id());
    }

    /** What {@link #reload} answers for the message of this id. */
    void shows(ClaimedMessage message) {
        laterSnapshot.put(message.id(), message);
    }

    /** What {@link #undecodableSince} answers for the message. */
    void undecodableFor(ClaimedMessage message, Duration time) {
        undecodable.put(message.id(), time);
    }

    /** What the completer wrote, a list for each transaction. */
    synchronized List<List<Completion>> batches() {
        return List.copyOf(batches);
    }

    synchronized List<Completion> completions() {
        return batches.stream().flatMap(List::stream).toList();
    }

    /** What was written in handlers' transactions, whether those were committed or not. */
    synchronized List<Completion> inTransactions() {
        return List.copyOf(inTransactions);
    }

    synchronized List<Integer> workers() {
        return List.copyOf(workers);
    }

    @Override
    public synchronized List<LeasePart> complete(int workerId, List<Completion> completions) {
        batches.add(List.copyOf(completions));
        workers.add(workerId);
        return stillHeld(completions);
    }

    @Override
    public synchronized List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection) {
        inTransactions.addAll(completions);
        return stillHeld(completions);
    }

    private List<LeasePart> stillHeld(List<Completion> completions) {
        Map<Long, BitSet> parts = new TreeMap<>();
        for (Completion end : completions) {
            if (!lost.contains(end.message().id())) {
                parts.computeIfAbsent(end.message().lease().id(), lease -> new BitSet())
                        .set(end.message().lease().ordinal());
            }
        }
        return parts.entrySet().stream()
                .map(part -> new LeasePart(part.getKey(), part.getValue()))
                .toList();
    }

    @Override
    public void announceStarts(int workerId, Map<Long, Integer> started) {
        throw new UnsupportedOperationException("nothing here starts prefetched messages");
    }

    @Override
    public Optional<ClaimedMessage> reload(ClaimedMessage message) {
        return Optional.ofNullable(laterSnapshot.get(message.id()));
    }

    @Override
    public Optional<Duration> undecodableSince(ClaimedMessage message) {
        return Optional.ofNullable(undecodable.get(message.id()));
    }

    /** Destinations and how long they were parked. */
    final List<String> parked = new CopyOnWriteArrayList<>();

    @Override
    public void park(String destination, Duration time) {
        parked.add(destination + " " + time);
    }

    @Override
    public LimitedClaim claimLimited(ClaimRequest request, StartReports reports) {
        throw new UnsupportedOperationException("nothing here claims");
    }

    @Override
    public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
        throw new UnsupportedOperationException("nothing here claims");
    }

    @Override
    public List<ClaimedMessage> claim(ClaimRequest request) {
        throw new UnsupportedOperationException("nothing here claims");
    }

    @Override
    public List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only) {
        throw new UnsupportedOperationException("nothing here releases unknown leases");
    }
}
