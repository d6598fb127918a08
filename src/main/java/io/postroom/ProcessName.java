package io.postroom;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/** How this process calls itself in {@code worker.name}. */
final class ProcessName {
    private ProcessName() {}

    static String ofThis() {
        return hostName() + ":" + ProcessHandle.current().pid();
    }

    /** From the jar's manifest; {@code dev} when run from classes. */
    static String version() {
        @Nullable String version = ProcessName.class.getPackage().getImplementationVersion();
        return version == null ? "dev" : version;
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException unnamed) {
            return "localhost";
        }
    }
}
