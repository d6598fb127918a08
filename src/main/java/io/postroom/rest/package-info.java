/**
 * The HTTP API, on top of {@link io.postroom.api.QueueMessages}. {@code POST /api/v1/messages} is the integration method CreateMessageQueue
 * of the registry template; the others look a message up, explain and cancel it.
 *
 * <pre>
 * POST /api/v1/messages               201 created, 200 a recognised repeat
 * GET  /api/v1/messages/{id}          the message, where it stands, what happened to it
 * GET  /api/v1/messages/{id}/explain  why it is not running now
 * GET  /api/v1/messages/search        messages that match, in pages, without payloads
 * POST /api/v1/messages/{id}/cancel   cancels it where it still waits
 *
 * GET  /api/v1/queues/{queue}/consumers         who consumes the queue
 * POST /api/v1/queues/{queue}/consumers/stop    ?howMany=all or a number, &deadline=10s; answers the receipts
 * POST /api/v1/queues/{queue}/consumers/start   lets them go on
 * GET  /api/v1/queues/{queue}/purge             what a purge would cancel
 * POST /api/v1/queues/{queue}/purge             begins an operation that cancels it: 202
 *
 * POST /api/v1/queues/{queue}/pause             no message of it is claimed any more; …/resume ends that
 * GET  /api/v1/tokens                           tokens with their roles; …/{name}/revoke ends one
 * POST /api/v1/tokens                           makes a token and shows it this once: 201
 * GET  /api/v1/ledger                           what people did, in pages
 * GET  /api/v1/database                         how the database stands, and what to do
 *
 * POST /in/{settings}                           202 created, 200 a recognised repeat: a webhook
 * </pre>
 *
 * <p>Start with {@code MessagesController}; {@code QueuesController} is about consumers. {@code ApiController} has the refusals of both.
 * {@code RequestBody} and {@code MessageRequest} check requests: a request refused there has changed nothing and has taken no more memory
 * than the limit. {@code BodyBudget} bounds all bodies together. Every refusal is a problem document (RFC 9457), see
 * {@link io.postroom.rest.Problem}.
 *
 * <p>The API is off unless {@code postroom.rest.enabled=true}: a host that opens it decides who may use it, as for every other page of its
 * own. The standalone server opens it and guards it by {@code AccessRules}. Which role of a token each route needs stands in {@code
 * ApiRoutes}, and is asked before the method runs; what a producer may create is asked in {@code Caller}.
 *
 * <p>In the standalone server {@code ShortRoute} answers requests that create a message, without Spring MVC around the same controller.
 *
 * <p>Webhooks have a switch of their own, {@code postroom.rest.webhooks}, and need no token: the signature of the sender is the proof. What
 * is checked there is in {@link io.postroom.channel.http.Webhook}. A request is stored before it is answered, and one that is not stored is
 * never answered with 2xx.
 *
 * <p>Looks wrong and is right: requests are read member by member and answers written by hand, without a class for Jackson to bind. So a
 * number in a payload keeps all its digits, an unknown member is refused by name, and the settings of the host's mapper do not change the
 * format.
 */
@NullMarked
package io.postroom.rest;

import org.jspecify.annotations.NullMarked;
