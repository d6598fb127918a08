package io.postroom.internal.definitions;

import io.postroom.api.Binding;
import io.postroom.api.Definitions;
import io.postroom.api.Exchange;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.internal.storage.RoutingStore;
import java.util.List;

/** Imports and exports topologies. Thread-safe. */
public final class DefaultDefinitions implements Definitions {
    private final RoutingStore store;
    private final Runnable changed;

    /** @param changed runs after an import: this process forgets the bindings that it remembers */
    public DefaultDefinitions(RoutingStore store, Runnable changed) {
        this.store = store;
        this.changed = changed;
    }

    @Override
    public ImportReport importRabbitMq(String json, ImportOptions options) {
        RabbitMqImport read = new RabbitMqImport(RabbitMqFile.read(json, options.virtualHost()), options);
        if (!options.dryRun()) {
            store.declareAll(read.queues(), read.exchanges(), read.bindings());
            changed.run();
        }
        return read.report();
    }

    @Override
    public String exportRabbitMq(String virtualHost) {
        List<Exchange> exchanges = store.exchanges();
        List<Binding> bindings = exchanges.stream()
                .flatMap(exchange -> store.bindings(exchange.name()).stream())
                .toList();
        return RabbitMqExport.write(virtualHost, store.queues(), exchanges, bindings);
    }
}
