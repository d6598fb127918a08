# Build the jar first: ./mvnw -DskipTests package
FROM eclipse-temurin:25.0.1_8-jre-noble

RUN useradd --system --create-home --home-dir /var/lib/postroom postroom
USER postroom
# Without a given database the server keeps its own in .postroom here.
WORKDIR /var/lib/postroom

COPY target/postroom-*-server.jar /opt/postroom/server.jar

EXPOSE 8080
# The probe needs no token. The image has no curl; bash can open a connection.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /actuator/health/readiness HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -1 <&3 | grep -q ' 200'"]
# Without the option a JVM takes a quarter of the container's memory for its heap.
ENTRYPOINT ["java", "-XX:MaxRAMPercentage=60", "-jar", "/opt/postroom/server.jar"]
