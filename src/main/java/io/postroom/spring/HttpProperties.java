package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.channel.http.HttpSender;
import io.postroom.handler.PayloadCodec;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * What holds for all calls of the HTTP sender. All else is in the entries of the external systems.
 *
 * @param connections Most connections at a time, 1 to 1000.
 * @param allowedHosts Hosts that entries may call, as in api.example.com or *.example.com. Any by default.
 * @param privateAddresses Whether an entry may allow addresses of this machine and of private networks.
 */
@ConfigurationProperties("postroom.http")
record HttpProperties(
        @DefaultValue("100") int connections,
        @Nullable List<String> allowedHosts,
        @DefaultValue("true") boolean privateAddresses) {

    /** @param codec null: the default one */
    HttpSender open(@Nullable PayloadCodec codec) {
        try {
            HttpSender.Builder builder =
                    HttpSender.builder().connections(connections).privateAddresses(privateAddresses);
            if (allowedHosts != null) {
                builder.allowedHosts(allowedHosts.toArray(String[]::new));
            }
            return codec == null ? builder.open() : builder.codec(codec).open();
        } catch (InvalidMessageException refused) {
            throw new StartProblem(
                    "The HTTP sender cannot be used: " + refused.getMessage(), "Correct postroom.http.*", refused);
        }
    }
}
