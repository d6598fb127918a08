package io.postroom.server;

import org.springframework.mock.env.MockEnvironment;
import org.springframework.mock.web.MockHttpServletRequest;

/** The server as the benchmark needs it: started in this process, and how long its checks of one request take. */
public final class ServerProbe {
    private static final int CHECKS = 300_000;

    private ServerProbe() {}

    /** Returns when the server is up. It runs until this process ends. */
    public static void start(String... arguments) {
        PostroomServer.start(arguments);
    }

    /** Nanoseconds that {@link AccessRules} take for a request with the right token. */
    public static double checkNanos(String token) {
        AccessRules rules = AccessRules.of(new MockEnvironment()
                .withProperty(AccessRules.ADDRESS, "127.0.0.1")
                .withProperty(AccessRules.TOKEN, token));
        MockHttpServletRequest request = new MockHttpServletRequest("POST", "/api/v1/messages");
        request.addHeader("Host", "localhost");
        request.addHeader("Authorization", "Bearer " + token);
        double fastest = Double.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            long start = System.nanoTime();
            for (int i = 0; i < CHECKS; i++) {
                if (rules.refusal(request).isPresent() || !rules.isProven(request)) {
                    throw new IllegalStateException("refused");
                }
            }
            fastest = Math.min(fastest, (System.nanoTime() - start) / (double) CHECKS);
        }
        return fastest;
    }
}
