package io.postroom.internal.storage;

/** The port as a whole: the roles that the engine uses, all on the same pool of connections. */
public record Stores(
        QueueStore queues,
        RoutingStore routing,
        TopologyStore topology,
        EnqueueStore enqueue,
        LeaseStore leases,
        WorkerStore workers,
        JobStore jobs,
        MessageQueries queries,
        OperatorStore operator,
        ConsumerStore consumers,
        ScheduleStore schedules,
        SettingsStore settings,
        LimiterStore limiters,
        BatchStore batches,
        FileImportStore fileImports,
        MailboxStore mailboxes,
        DeadLetterStore deadLetters) {}
