package io.postroom.bench;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.startup.Tomcat;

/** The servlet container of the server, with a servlet that reads a body, stores nothing and answers as long a text as the server does. */
final class BareServer {
    private static final byte[] ANSWER =
            "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"queue\":\"bench\",\"state\":\"READY\"}"
                    .getBytes(StandardCharsets.US_ASCII);

    private BareServer() {}

    /** Returns when the server is up. It runs until this process ends. */
    static void start(int port) throws IOException, LifecycleException {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory("bench-tomcat").toString());
        tomcat.setPort(port);
        tomcat.setHostname("127.0.0.1");
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1"); // as clients of the server have it
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "bare", new HttpServlet() {
            @Override
            protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
                request.getInputStream().readAllBytes();
                response.setStatus(HttpServletResponse.SC_CREATED);
                response.setContentType("application/json");
                response.setContentLength(ANSWER.length);
                response.getOutputStream().write(ANSWER);
            }
        });
        context.addServletMappingDecoded("/*", "bare");
        tomcat.start();
    }
}
