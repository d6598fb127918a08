package io.postroom.internal.consumer;

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
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A store that nothing is asked of; tests override what they need. */
class NoLeaseStore implements LeaseStore {
    @Override
    public List<ClaimedMessage> claim(ClaimRequest request) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void park(String destination, Duration time) {
        throw new UnsupportedOperationException("nothing here parks");
    }

    @Override
    public LimitedClaim claimLimited(ClaimRequest request, StartReports reports) {
        throw new UnsupportedOperationException("nothing here claims");
    }

    @Override
    public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void announceStarts(int workerId, Map<Long, Integer> started) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Optional<ClaimedMessage> reload(ClaimedMessage message) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Optional<Duration> undecodableSince(ClaimedMessage message) {
        throw new UnsupportedOperationException("nothing here is undecodable");
    }

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only) {
        throw new UnsupportedOperationException();
    }
}
