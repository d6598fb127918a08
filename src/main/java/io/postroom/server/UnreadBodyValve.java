package io.postroom.server;

import io.postroom.rest.UnreadBody;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.apache.coyote.ActionCode;
import org.apache.tomcat.util.net.ApplicationBufferHandler;
import org.jspecify.annotations.Nullable;

/**
 * Gives the worker thread back as soon as a request is answered, even where the client has not sent the whole body.
 *
 * <p>Tomcat reads the rest of such a body on the worker thread, and waits for it as long as for any other body. So as many strangers as
 * there are threads, each with ten bytes of a promised million, would keep everybody out. A connection that is closed at once is no way
 * out: the operating system answers later bytes with a reset, which destroys the answer before an honest client has read it.
 *
 * <p>So the answer is sent whole, and then the rest is read and dropped without a thread, whenever some of it comes: for at most
 * {@link #PATIENCE} and {@link #MOST_BYTES}, on at most {@link #MOST_CONNECTIONS} connections at once. Beyond these limits the
 * connection is closed. A body that ends within them leaves the connection to the next request. A client that sent {@code Expect:
 * 100-continue} has not begun its body; its connection is closed at once.
 */
final class UnreadBodyValve extends ValveBase {
    static final Duration PATIENCE = Duration.ofSeconds(10);
    static final long MOST_BYTES = 64L * 1024 * 1024;
    static final int MOST_CONNECTIONS = 32;

    private static final String ATTRIBUTE = UnreadBodyValve.class.getName();

    private final Semaphore connections = new Semaphore(MOST_CONNECTIONS);

    UnreadBodyValve() {
        super(true);
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        if (request.isAsync()) {
            getNext().invoke(request, response);
            return;
        }
        request.setAttribute(ATTRIBUTE, new Body(request));
        request.setAttribute(UnreadBody.DROPPED_BY_SERVER, Boolean.TRUE);
        getNext().invoke(request, response);
        if (request.isAsync() || isWhole(request) || isBroken(request)) {
            return;
        }
        // First, so that a client that is gone is noticed before anything is held for it, and so that no answer is lost
        // by the closing.
        response.finishResponse();
        if (request.getHeader("Expect") != null || !connections.tryAcquire()) {
            close(request);
        } else {
            drop(request);
        }
    }

    /** Tells whether no thread has to wait for the body of this request: it has none, or all of it has come. */
    static boolean hasCome(ServletRequest request) {
        return !(request.getAttribute(ATTRIBUTE) instanceof Body body) || body.hasCome();
    }

    /** How much of a body is here already. */
    private record Body(Request request) {
        boolean hasCome() {
            if (isWhole(request)) {
                return true;
            }
            org.apache.coyote.Request coyote = request.getCoyoteRequest();
            coyote.action(ActionCode.AVAILABLE, Boolean.TRUE);
            long length = request.getContentLengthLong();
            return length >= 0 && coyote.getAvailable() >= length;
        }
    }

    private static boolean isWhole(Request request) {
        return request.getCoyoteRequest().isFinished();
    }

    /**
     * Lets Tomcat close the connection behind the answer without reading on. Tomcat takes that for an error, and would report it by another
     * page behind the answer; an asynchronous request would then never end, and the server would wait for it before it stops.
     */
    private static void close(Request request) {
        request.getCoyoteRequest().action(ActionCode.DISABLE_SWALLOW_INPUT, null);
        request.getResponse().setErrorReported();
    }

    /** Whether the connection has failed, as when the client went away in the middle of its answer. */
    private static boolean isBroken(Request request) {
        AtomicBoolean broken = new AtomicBoolean();
        request.getCoyoteRequest().action(ActionCode.IS_ERROR, broken);
        return broken.get();
    }

    private void drop(Request request) {
        Drop drop = new Drop(request);
        try {
            drop.begin();
        } catch (RuntimeException notBegun) {
            drop.release();
            throw notBegun;
        }
    }

    /**
     * Drops the rest of one body. Tomcat calls it on one thread at a time, and on none while it waits. It reads below the servlet's input
     * stream, which Tomcat closes together with the answer.
     */
    private final class Drop implements ReadListener, AsyncListener, ApplicationBufferHandler {
        private final Request request;
        private final org.apache.coyote.Request body;
        private final AtomicBoolean completed = new AtomicBoolean();
        private final AtomicBoolean released = new AtomicBoolean();
        private @Nullable ByteBuffer piece;
        private long dropped;

        Drop(Request request) {
            this.request = request;
            this.body = request.getCoyoteRequest();
        }

        void begin() {
            request.setAsyncSupported(true); // a filter that is not asynchronous itself has returned
            AsyncContext context = request.startAsync();
            context.setTimeout(PATIENCE.toMillis());
            context.addListener(this);
            body.setReadListener(this);
        }

        /** Gives the place back, once. */
        void release() {
            if (released.compareAndSet(false, true)) {
                connections.release();
            }
        }

        @Override
        public void onDataAvailable() throws IOException {
            // Behind the end, isReady() would read the next request over the bytes of it that have come with the end.
            while (!body.isFinished() && body.isReady()) {
                int count = body.doRead(this);
                if (count < 0) {
                    return; // onAllDataRead follows
                }
                dropped += count;
                if (dropped > MOST_BYTES) {
                    cut();
                    return;
                }
            }
        }

        @Override
        public void setByteBuffer(ByteBuffer read) {
            piece = read;
        }

        @Override
        public @Nullable ByteBuffer getByteBuffer() {
            return piece;
        }

        @Override
        public void expand(int size) {
            // each piece is dropped
        }

        @Override
        public void onAllDataRead() {
            complete();
        }

        @Override
        public void onTimeout(AsyncEvent late) {
            cut();
        }

        /** The client is gone. Tomcat tells the other listener, too, which may end the request. */
        @Override
        public void onError(Throwable broken) {
            // completing here would be too early: Tomcat reports the error only after this
        }

        @Override
        public void onError(AsyncEvent broken) {
            cut();
        }

        private void cut() {
            close(request);
            complete();
        }

        private void complete() {
            if (completed.compareAndSet(false, true)) {
                request.getAsyncContext().complete();
            }
        }

        @Override
        public void onComplete(AsyncEvent end) {
            release();
        }

        @Override
        public void onStartAsync(AsyncEvent again) {}
    }
}
