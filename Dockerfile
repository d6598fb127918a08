# Build the jar first: ./mvnw -DskipTests package
FROM eclipse-temurin:25-jre

RUN useradd --system --create-home --home-dir /var/lib/postroom postroom
USER postroom
# Without a given database the server keeps its own in .postroom here.
WORKDIR /var/lib/postroom

COPY target/postroom-*-server.jar /opt/postroom/server.jar

EXPOSE 8080
ENTRYPOINT ["java", "-jar", "/opt/postroom/server.jar"]
