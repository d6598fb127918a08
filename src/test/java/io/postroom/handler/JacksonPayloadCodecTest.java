package io.postroom.handler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The rules for stored payloads; that they reach producer and consumer is tested in {@code flow}. */
class JacksonPayloadCodecTest {
    private final JacksonPayloadCodec codec = new JacksonPayloadCodec();

    record Person(String firstName, Person boss) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Lenient(String firstName) {}

    record Mark() {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    static class Sum {
        public String of;

        public int getTotal() {
            return 3;
        }
    }

    record Count(String what, int number) {}

    @Test
    void unknown_fields_are_ignored() {
        assertThat(read("{\"firstName\":\"Ann\",\"age\":[1,{}]}", Person.class)).isEqualTo(new Person("Ann", null));
        assertThat(read("{\"age\":{},\"firstName\":\"Ann\"}", Lenient.class)).isEqualTo(new Lenient("Ann"));
        assertThat(read("{\"boss\":{\"boss\":null,\"x\":1}}", Person.class))
                .isEqualTo(new Person(null, new Person(null, null)));
    }

    @Test
    void payload_of_which_no_field_is_known_is_refused() {
        assertUnreadable("{\"first_name\":\"Ann\"}", Person.class, "(first_name)", "firstName, boss");
        assertUnreadable("{\"first_name\":{\"firstName\":1},\"x\":2}", Lenient.class, "(first_name, x)", "firstName");
        assertUnreadable("{\"x\":2}", Sum.class, "(x)", "of");
        assertUnreadable(
                "{\"@type\":\"Cat\",\"sound\":\"?\"}".replace("Cat", "JacksonPayloadCodecTest$Cat"),
                Animal.class,
                "sound",
                "name");
    }

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
    sealed interface Animal permits Cat {}

    record Cat(String name) implements Animal {}

    @Test
    void what_was_written_can_be_read() {
        for (Object payload : List.of(new Person(null, null), new Mark(), new Cat("Tom"))) {
            assertThat(codec.read(codec.write(payload), payload.getClass())).isEqualTo(payload);
        }
        assertThat(codec.read(codec.write(new Sum()), Sum.class).of).isNull(); // {"total":3}, which has no setter
        assertThat(read("{}", Person.class)).isEqualTo(new Person(null, null));
        assertThat(read("{\"any\":1}", Mark.class)).isEqualTo(new Mark());
        assertThat(read("null", Person.class)).isNull();
    }

    @Test
    void value_is_not_made_to_fit() {
        assertUnreadable("{\"what\":\"eggs\",\"number\":1.9}", Count.class, "1.9");
        assertUnreadable("{\"what\":\"eggs\",\"number\":\"\"}", Count.class, "null");
        assertUnreadable("{\"what\":\"eggs\"}", Count.class, "null");
        assertUnreadable("{\"what\":\"eggs\",\"number\":1} 2", Count.class, "Trailing token");
    }

    @Test
    void longest_number_that_can_be_stored_is_read() {
        String number = "1" + "0".repeat(308) + ".5";
        assertThat(read("{\"n\":" + number + "}", Map.class)).isEqualTo(Map.of("n", new BigDecimal(number)));
    }

    private <T> T read(String json, Class<T> type) {
        return codec.read(json.getBytes(StandardCharsets.UTF_8), type);
    }

    private void assertUnreadable(String json, Class<?> type, String... texts) {
        assertThatThrownBy(() -> read(json, type)).message().contains(texts);
    }
}
