package io.postroom.rest;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.web.servlet.HandlerInterceptor;

/**
 * Bounds the bytes of all bodies that this process holds at once. Each body has a limit of its own, and as many as there are threads may
 * come together: 80 messages of 1 MB once ended a server with 256 MB of heap.
 *
 * <p>A body takes its bytes as they come, always before the memory for them is taken. So a client that promises much and sends little takes
 * little. Who finds nothing left is refused at once and never waits: two half-read bodies that wait for each other would wait for ever. All
 * bytes are given back when the request ends, in whatever way.
 *
 * <p>While a body is parsed and stored, its characters and its parameters take up to some seven times its bytes. The default is therefore a
 * sixteenth of the heap, and at least one body of the longest kind. Thread-safe.
 */
final class BodyBudget implements HandlerInterceptor {
    private static final String ATTRIBUTE = BodyBudget.class.getName();
    private static final int PART_OF_HEAP = 16;

    private final long most;
    private final @Nullable BodyBudget whole;
    private final AtomicLong taken = new AtomicLong();

    private BodyBudget(long most, @Nullable BodyBudget whole) {
        this.most = most;
        this.whole = whole;
    }

    /** @param most bytes; 0: what fits the heap of this process */
    static BodyBudget of(long most, int longestBody) {
        long fitting = Math.max(Runtime.getRuntime().maxMemory() / PART_OF_HEAP, longestBody);
        return new BodyBudget(most > 0 ? most : fitting, null);
    }

    /** Returns a part of this for clients that are not known before their body is read: they leave half to the others. */
    BodyBudget forStrangers() {
        return new BodyBudget(most / 2, this);
    }

    /** Returns the bytes that all requests hold at this moment. */
    long taken() {
        return taken.get();
    }

    @Override
    public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
        request.setAttribute(ATTRIBUTE, new Share(this));
        return true;
    }

    @Override
    public void afterCompletion(
            HttpServletRequest request, HttpServletResponse response, Object handler, @Nullable Exception failure) {
        if (request.getAttribute(ATTRIBUTE) instanceof Share share) {
            request.removeAttribute(ATTRIBUTE);
            share.giveBack();
        }
    }

    /**
     * Takes bytes for the body of a request.
     *
     * @throws ProblemException 503: others have taken so much that these are not left
     */
    static void take(HttpServletRequest request, long bytes) {
        if (request.getAttribute(ATTRIBUTE) instanceof Share share) {
            share.take(bytes);
        }
    }

    private boolean tryTake(long bytes) {
        if (whole != null && !whole.tryTake(bytes)) {
            return false;
        }
        if (taken.addAndGet(bytes) <= most) {
            return true;
        }
        giveBack(bytes);
        return false;
    }

    private void giveBack(long bytes) {
        taken.addAndGet(-bytes);
        if (whole != null) {
            whole.giveBack(bytes);
        }
    }

    /** What one request has taken. One thread uses it. */
    private static final class Share {
        private final BodyBudget budget;
        private long bytes;

        Share(BodyBudget budget) {
            this.budget = budget;
        }

        void take(long more) {
            if (!budget.tryTake(more)) {
                throw new ProblemException(Problem.busy());
            }
            bytes += more;
        }

        void giveBack() {
            budget.giveBack(bytes);
            bytes = 0;
        }
    }
}
