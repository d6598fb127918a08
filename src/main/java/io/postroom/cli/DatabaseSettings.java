package io.postroom.cli;

import io.postroom.Postroom;
import io.postroom.api.Limiter;
import io.postroom.api.Limiters;
import io.postroom.api.Reason;
import io.postroom.api.SettingsRegistry;
import io.postroom.rest.Answers;
import io.postroom.rest.LimiterRequest;
import io.postroom.rest.Problem;
import io.postroom.rest.SettingsAnswer;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Settings and limiters by the API of Java. */
final class DatabaseSettings implements SettingsVerbs {
    private final Postroom postroom;

    DatabaseSettings(Postroom postroom) {
        this.postroom = postroom;
    }

    private SettingsRegistry registry(Optional<Reason> reason) {
        SettingsRegistry settings = postroom.settings();
        return reason.map(settings::because).orElse(settings);
    }

    @Override
    public JsonNode list() {
        return EngineBackend.json(SettingsAnswer.list(postroom.settings().list()));
    }

    @Override
    public JsonNode set(String name, String entry, long expectedVersion, Optional<Reason> reason) {
        return EngineBackend.json(
                SettingsAnswer.of(registry(reason).set(SettingsAnswer.read(name, entry), expectedVersion)));
    }

    @Override
    public JsonNode delete(String name, Optional<Reason> reason) {
        if (!registry(reason).delete(name)) {
            throw CliException.refused(Problem.unknownSettings(name).detail());
        }
        return EngineBackend.json(Map.of("deleted", name));
    }

    @Override
    public JsonNode test(String name) {
        throw CliException.usage("settings test needs a server (--url): its process finds the secret");
    }

    @Override
    public JsonNode setLimiter(Limited of, String limits, Optional<Reason> reason) {
        Limiter named = of.isDestination() ? Limiter.ofDestination(of.name()) : Limiter.ofQueue(of.name());
        Limiter limiter = LimiterRequest.read(named, limits);
        Limiters limiters = postroom.limiters();
        reason.ifPresentOrElse(why -> limiters.set(limiter, why), () -> limiters.set(limiter));
        return EngineBackend.json(Answers.limiter(limiter));
    }

    @Override
    public JsonNode removeLimiter(Limited of, Optional<Reason> reason) {
        Limiters limiters = postroom.limiters();
        boolean removed = of.isDestination()
                ? reason.map(why -> limiters.removeFromDestination(of.name(), why))
                        .orElseGet(() -> limiters.removeFromDestination(of.name()))
                : reason.map(why -> limiters.remove(of.name(), why)).orElseGet(() -> limiters.remove(of.name()));
        return EngineBackend.json(Map.of("removed", removed));
    }
}
