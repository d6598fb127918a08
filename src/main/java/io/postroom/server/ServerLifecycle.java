package io.postroom.server;

import io.postroom.server.demo.Demo;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.context.SmartLifecycle;

/** Starts last and stops first: says that the server is up and how to use it, and runs the demo. */
final class ServerLifecycle implements SmartLifecycle {
    private final Consumer<String> terminal;
    private final String version;
    private final Supplier<ListenAddresses> addresses;
    private final LongSupplier leftInProgress;
    private final @Nullable DemoMaker demo;
    private @Nullable Demo running;
    private volatile boolean started;

    /**
     * @param addresses asked when the web is up
     * @param leftInProgress how many messages a killed server was working on
     * @param demo null if no demo is wanted
     */
    ServerLifecycle(
            Consumer<String> terminal,
            String version,
            Supplier<ListenAddresses> addresses,
            LongSupplier leftInProgress,
            @Nullable DemoMaker demo) {
        this.terminal = terminal;
        this.version = version;
        this.addresses = addresses;
        this.leftInProgress = leftInProgress;
        this.demo = demo;
    }

    /** Makes the demo, ready to be started. */
    @FunctionalInterface
    interface DemoMaker {
        Demo make(ListenAddresses addresses, Consumer<String> terminal);
    }

    @Override
    public synchronized void start() {
        ListenAddresses known = addresses.get();
        terminal.accept("");
        terminal.accept("Postroom " + version + " is up: " + known.url() + "   (Ctrl-C stops it)");
        long left = leftInProgress.getAsLong();
        if (left > 0) {
            terminal.accept("");
            terminal.accept(
                    left + " messages were in progress when a server was killed; they run again in half a minute.");
        }
        if (demo == null) {
            hint(known);
        } else {
            running = demo.make(known, terminal);
            running.start();
        }
        started = true;
    }

    private void hint(ListenAddresses known) {
        terminal.accept("");
        terminal.accept("  Create a message and look at it:");
        terminal.accept("");
        terminal.accept("    curl -s " + known.curl() + "/api/v1/messages -H 'Content-Type: application/json'"
                + " -d '{\"queue\": \"hello\", \"payload\": {\"text\": \"Hello\"}}'");
        terminal.accept("    " + known.psql()
                + " -c \"SELECT state, payload, created_at FROM postroom.queue_messages WHERE queue = 'hello'\"");
        terminal.accept("");
    }

    @Override
    public synchronized void stop() {
        if (running != null) {
            running.close();
            running = null;
        }
        started = false;
    }

    @Override
    public boolean isRunning() {
        return started;
    }
}
