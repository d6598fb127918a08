package io.postroom.cli;

import io.postroom.Postroom;
import tools.jackson.databind.JsonNode;

/** Asks the engine of one of several homes. */
final class HomeBackend extends EngineBackend {
    private final Postroom engine;

    HomeBackend(Postroom engine) {
        this.engine = engine;
    }

    @Override
    Postroom postroom() {
        return engine;
    }

    @Override
    public JsonNode migrate() {
        throw HomesBackend.needsHome("A schema belongs to");
    }

    /** Does nothing: the engine belongs to the homes. */
    @Override
    public void close() {}
}
