package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class NameLookupsTest {
    @Test
    void look_up_after_the_end_says_that_it_is_closed() {
        NameLookups lookups = new NameLookups("look-up", InetAddress::getAllByName);
        lookups.close();
        assertThatThrownBy(() -> lookups.find("127.0.0.1", Duration.ofSeconds(10)))
                .isInstanceOf(UnknownHostException.class)
                .hasMessage("127.0.0.1 is not looked up any more: this is closed");
    }
}
