/**
 * The channel "http": a message becomes a request to the endpoint of an entry of the settings. And the channel "webhook": a request of an
 * external system becomes a message; {@link io.postroom.channel.http.WebhookReceiver} is where to start, and both sign in {@code
 * RequestSigner}.
 *
 * <pre>
 * handler ─ HttpSender ─► HttpCalls ─► HttpEntry ─► HttpTemplates ─► Authentication ─► HttpConnections ─► one address, checked
 *                             └─◄ AnswerOutcomes ◄─ status, Retry-After, body ◄────────────┘
 * </pre>
 *
 * <p>Start with {@link io.postroom.channel.http.HttpSender}; {@code AnswerOutcomes} is where an answer becomes an outcome.
 *
 * <p>Apache HttpClient 5 is used, because it connects to the very addresses that its resolver answered. The client of the JDK looks names
 * up once more when it connects: a name server that answers a public address first and a private one second would pass the check. An
 * address is checked where the connection is made, so odd spellings of names pass the same check. RestClient of Spring is no layer here:
 * the core knows no web library, and an abort of a call needs the request of the client below it.
 *
 * <p>The clock that counts is this machine's: for the deadline, for dates in Retry-After, and for the time that is signed. Everything of a
 * call, from the name to the last byte, has one deadline; a timer closes the connection. A look-up of a name cannot be cut, so it runs on
 * another thread, which may outlast the call.
 *
 * <p>A test of an entry takes the same way as a message, with the same checks. A test by another way would be a way around them.
 *
 * <p>No secret is in a log line, an outcome or an answer: where a server sends one back, it is masked. httpclient5 is left to hosts that
 * use it; no public signature here names its types.
 */
@NullMarked
package io.postroom.channel.http;

import org.jspecify.annotations.NullMarked;
