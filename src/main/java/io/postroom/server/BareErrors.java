package io.postroom.server;

import io.postroom.rest.Problem;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;

/**
 * Answers what Tomcat refuses before a filter or controller sees it, such as a path that cannot be decoded. Tomcat's own page would be HTML
 * with the version of Tomcat. Tomcat makes the object by the name of this class.
 */
public final class BareErrors extends ErrorReportValve {
    @Override
    protected void report(Request request, Response response, Throwable failure) {
        int status = response.getStatus();
        if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
            return;
        }
        GuardHeaders.addTo(response);
        try {
            Problem problem = ErrorsController.problem(status);
            response.setContentType(Problem.CONTENT_TYPE);
            response.getOutputStream().write(problem.toJson());
            response.finishResponse();
        } catch (IOException | IllegalStateException gone) {
            // the client is gone, or the answer has begun
        }
    }
}
