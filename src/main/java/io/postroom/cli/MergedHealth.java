package io.postroom.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What doctor finds on several homes, as one answer. */
final class MergedHealth {
    private MergedHealth() {}

    /**
     * Findings, problems first, and the lists of all homes. What is said of one home alone stands in {@code homes}. A home without an
     * answer is a problem.
     */
    static ObjectNode of(AskedHomes.Given<JsonNode> all) {
        ObjectNode answer = CliJson.MAPPER.createObjectNode();
        boolean healthy = all.missing().isEmpty();
        List<JsonNode> findings = new ArrayList<>();
        all.missing()
                .values()
                .forEach(why -> findings.add(CliJson.MAPPER
                        .createObjectNode()
                        .put("level", "PROBLEM")
                        .put("code", "home")
                        .put("what", why.getMessage())
                        .put(
                                "todo",
                                why.exitCode() == CliException.UNREACHABLE
                                        ? "Look at its server and at the network: what lives there waits"
                                        : "Look at it alone, with --home")));
        ArrayNode homes = answer.putArray("homes");
        for (JsonNode health : all.found()) {
            healthy &= health.path("healthy").asBoolean(false);
            String home = BackendCommand.text(health, "home");
            for (JsonNode finding : HomesBackend.rows(home, health, "findings")) {
                findings.add(((ObjectNode) finding)
                        .put("what", "home \"" + home + "\": " + BackendCommand.text(finding, "what")));
            }
            ObjectNode said = homes.addObject();
            for (Map.Entry<String, JsonNode> member : health.properties()) {
                if (!member.getValue().isArray()) {
                    said.set(member.getKey(), member.getValue());
                } else if (!member.getKey().equals("findings")) {
                    answer.withArray(member.getKey()).addAll(HomesBackend.rows(home, health, member.getKey()));
                }
            }
        }
        ArrayNode list = answer.putArray("findings");
        findings.stream()
                .sorted(Comparator.comparing(
                        finding -> !BackendCommand.text(finding, "level").equals("PROBLEM")))
                .forEach(list::add);
        return answer.put("healthy", healthy);
    }
}
