/*
 * connection.c - see connection.h
 *
 *	read a request --> have it answered --> send the answer --+
 *	      ^                                                   |
 *	      +----- unless either side wants to end it ----------+
 *
 * A fiber for each connection, and while it waits for a request it holds no buffer
 * (eider/stream.h): an idle connection is this struct and what its stack has touched.
 *
 * Ending with something unread. To close a socket with unread bytes in it makes the
 * kernel answer the peer with a reset, which may overtake the answer. So the sending
 * side is closed first, and for a moment what still comes is thrown away.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eider/loop.h>

#include "api.h"
#include "reply.h"
#include "server.h"
#include "status.h"

enum {
	LINGER_BYTES = 262144,
};

#define LINGER_NS INT64_C(1000000000)

static void linger(struct connection *c)
{
	int64_t deadline = eider_after(LINGER_NS);
	const char *data;
	long n, left = LINGER_BYTES;

	if (shutdown(c->stream.fd, SHUT_WR) < 0)
		return;
	while (left > 0 && (n = eider_stream_peek(&c->stream, &data, deadline)) > 0) {
		eider_stream_consume(&c->stream, (size_t)n);
		left -= n;
	}
}

/* The only refusals that are no fault of the client's. */
static void describe_503(bool ending, struct http_response *response)
{
	if (ending)
		api_busy(response, "unavailable",
			 "the server stops; nothing was done");
	else
		api_busy(response, "busy", "out of memory; nothing was done");
}

static void describe_refusal(unsigned int status, struct http_response *response)
{
	switch (status) {
	case 408:
		api_error(response, status, "timeout",
			  "the request did not come in time");
		break;
	case 413:
		api_error(response, status, "body_too_large", "the body is too large");
		break;
	case 414:
		api_error(response, status, "uri_too_long", "the target is too long");
		break;
	case 417:
		api_error(response, status, "expectation_failed",
			  "an expectation other than 100-continue");
		break;
	case 431:
		api_error(response, status, "headers_too_large",
			  "the headers are too large");
		break;
	case 501:
		api_error(response, status, "not_implemented",
			  "a transfer coding other than chunked");
		break;
	default:
		api_error(response, status, "bad_http",
			  "this is not an HTTP/1 request");
		break;
	}
}

static void count(struct connection *c, const struct http_response *response,
		  int64_t ns)
{
	status_count(c->server->tally, response->route,
		     response->status ? response->status : 200, ns);
}

static void send_refusal(struct connection *c, unsigned int status)
{
	struct http_response response = { .route = ROUTE_OTHER };
	unsigned int flags = REPLY_CLOSES;
	int err;

	if (status == 503)
		describe_503(c->reader.ending, &response);
	else
		describe_refusal(status, &response);
	if (reader_is_head(&c->reader))
		flags |= REPLY_HAS_NO_BODY;
	count(c, &response, 0);
	err = reply_send(c->stream.fd, &response, flags,
			 eider_after(c->server->options->limits.send_ns));
	free(response.owned);
	if (!err)
		linger(c);
}

static unsigned int reply_flags(const struct connection *c,
				const struct http_request *request, bool keep)
{
	unsigned int flags = keep ? 0 : REPLY_CLOSES;

	if (keep && !c->reader.parser.http_minor)
		flags |= REPLY_KEEPS;
	if (request->method == HTTP_HEAD)
		flags |= REPLY_HAS_NO_BODY;
	return flags;
}

/* True if the connection goes on; *now is the time after it. */
static bool answer(struct connection *c, const struct http_request *request,
		   int64_t *now)
{
	struct server *server = c->server;
	struct http_response response = { .route = ROUTE_OTHER };
	const char *unread;
	bool keep;
	int err;

	/* What comes behind the request must not keep a buffer while it is served; if
	   there is no memory for it, it does. */
	if (eider_stream_has_unread(&c->stream))
		(void)!eider_stream_detach(&c->stream);
	server->options->handler(server->options->handler_arg, request, &response);
	/* While others wait for a place nobody keeps one between two requests. */
	keep = c->reader.keep_alive && !server->stopping && !server_is_full(server);
	*now = eider_now();
	count(c, &response, *now - request->at);
	err = reply_send(c->stream.fd, &response, reply_flags(c, request, keep),
			 *now + server->options->limits.send_ns);
	free(response.owned);
	if (!err && !keep && eider_stream_peek(&c->stream, &unread, *now) > 0)
		linger(c);
	*now = eider_loop_now(eider_loop_current());
	return !err && keep;
}

/* Who has sent a request before the server stops is answered. */
static bool is_over(const struct connection *c)
{
	return c->server->stopping && !reader_has_more(&c->stream);
}

static void serve(struct connection *c)
{
	struct http_request request;
	int64_t now = eider_now();
	bool goes_on = true;

	while (goes_on && !is_over(c)) {
		int res;

		c->serving = false;
		res = reader_next(&c->reader, &c->stream, now, &request);
		c->serving = true;
		if (res <= 0)
			return;
		if (res > 1) {
			send_refusal(c, (unsigned int)res);
			return;
		}
		goes_on = answer(c, &request, &now);
	}
}

static long run(void *arg)
{
	struct connection *c = arg;

	c->fiber = eider_fiber_self();
	eider_fiber_set_name("connection");
	/* Not before there is a fiber, for it is not undone without one. */
	if (eider_stream_init(&c->stream, c->stream.fd) < 0) {
		close(c->stream.fd);
	} else {
		serve(c);
		eider_stream_close(&c->stream);
	}
	reader_release(&c->reader);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	server_left(c->server);
	free(c);
	return 0;
}

int connection_start(struct server *server, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->server = server;
	c->stream.fd = fd;
	reader_init(&c->reader, &server->options->limits);
	err = eider_go(run, c);
	if (err < 0) {
		free(c);
		return err;
	}
	c->next = server->connections;
	c->link = &server->connections;
	if (c->next)
		c->next->link = &c->next;
	server->connections = c;
	return 0;
}

/*
 * To the reader the peer seems to end; who has begun a request is let finish it. It may
 * have begun without our having seen it: what has come may be in the socket, or with
 * the stream, or on its way from there to here. Only the last is cut off here, and
 * answered with a 503.
 */
void connection_finish(struct connection *c)
{
	if (c->reader.ending)
		return;
	c->reader.ending = true;
	if (!c->serving && !c->reader.begun && !reader_has_more(&c->stream))
		shutdown(c->stream.fd, SHUT_RD);
}

void connection_abort(struct connection *c)
{
	shutdown(c->stream.fd, SHUT_RDWR);
	if (c->fiber)
		eider_cancel(eider_fiber_future(c->fiber));
}
