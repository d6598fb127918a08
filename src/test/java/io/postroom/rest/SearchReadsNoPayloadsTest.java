package io.postroom.rest;

import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import io.postroom.api.MessageFilter;
import io.postroom.api.QueueMessages;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockHttpServletRequest;

/** The answer of a search has no payloads, and up to 200 of 1 MiB would fill the memory of a small server. */
class SearchReadsNoPayloadsTest {
    @Test
    void search_asks_for_messages_without_their_payloads() {
        QueueMessages messages = mock(QueueMessages.class);
        when(messages.findWithoutPayloads(any())).thenReturn(List.of());
        Optional<String> none = Optional.empty();

        new MessagesController(messages)
                .search(none, List.of(), none, none, none, none, none, none, 200, new MockHttpServletRequest());

        verify(messages).findWithoutPayloads(any());
        verify(messages, never()).find(any(MessageFilter.class));
    }
}
