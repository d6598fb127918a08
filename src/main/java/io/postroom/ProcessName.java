package io.postroom;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/** The name and version of this process in the table {@code worker}. */
final class ProcessName {
    private ProcessName() {}

    static String ofThis() {
        return hostName() + ":" + ProcessHandle.current().pid();
    }

    /** The version from the jar's manifest; {@code dev} when run from classes. */
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
