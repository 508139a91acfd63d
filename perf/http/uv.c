/*
 * uv.c - a server of the size of the ledger's /health, written with libuv
 *
 *	http_uv [PORT [FILE]]
 *
 * One loop; http_parser, as in the ledger. GET /health is answered with the bytes of
 * FILE, which perf/ledger fills with what the ledger answers, everything else with a
 * 404. Prints "http_uv: listening at http://127.0.0.1:PORT/".
 *
 * What a careful user of libuv would do: a connection is one allocation, a request is
 * none. All connections read into one buffer, as nothing of it is needed any more when
 * the parser has seen it. Answers are constant, and go out at once with uv_try_write();
 * only what the socket does not take is queued. Those of pipelined requests go out
 * together. Connections idle for a minute are closed by one timer for all of them.
 */
#include <http_parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../common/measure.h"

enum {
	AT_ONCE = 64,			/* answers in one write */
	PATH_MAX_BYTES = 32,
	IDLE_MS = 60000,
};

struct connection {
	uv_tcp_t tcp;			/* first: libuv's pointer is ours */
	http_parser parser;
	struct connection *next, *previous;
	uint64_t active_ms;
	unsigned int path_len;
	char path[PATH_MAX_BYTES];
	bool close;			/* once it is answered */
};

static char ok_text[1024] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			    "Content-Length: 3\r\n\r\nok\n";
static char missing_text[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
static uv_buf_t ok, missing;
static struct connection *connections;

/* Of the connection being read: all are out, or queued, when that is over. */
static uv_buf_t answers[AT_ONCE];
static unsigned int answer_count;

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = (struct connection *)handle;

	if (c->next)
		c->next->previous = c->previous;
	if (c->previous)
		c->previous->next = c->next;
	else
		connections = c->next;
	free(c);
}

static void close_connection(struct connection *c)
{
	if (!uv_is_closing((uv_handle_t *)c))
		uv_close((uv_handle_t *)c, on_closed);
}

/* --- answers --------------------------------------------------------------- */

static void on_written(uv_write_t *write, int err)
{
	struct connection *c = (struct connection *)write->handle;

	free(write);
	if (err < 0 || c->close)
		close_connection(c);
}

/* The socket has taken @taken bytes of the answers: queue the others. */
static void queue_rest(struct connection *c, size_t taken)
{
	uv_write_t *write = perf_alloc(1, sizeof(*write));
	unsigned int i = 0;

	while (taken >= answers[i].len)
		taken -= answers[i++].len;
	answers[i].base += taken;
	answers[i].len -= taken;
	if (uv_write(write, (uv_stream_t *)c, answers + i, answer_count - i,
		     on_written) < 0) {
		free(write);
		close_connection(c);
	}
}

static void answer(struct connection *c)
{
	size_t all = 0;
	int n;

	if (!answer_count)
		return;
	for (unsigned int i = 0; i < answer_count; i++)
		all += answers[i].len;
	n = uv_try_write((uv_stream_t *)c, answers, answer_count);
	if (n == UV_EAGAIN)
		n = 0;
	if (n >= 0 && (size_t)n < all)
		queue_rest(c, (size_t)n);
	else if (n < 0 || c->close)
		close_connection(c);
	answer_count = 0;
}

/* --- requests -------------------------------------------------------------- */

static int on_message_begin(http_parser *parser)
{
	struct connection *c = parser->data;

	c->path_len = 0;
	return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
	struct connection *c = parser->data;

	if (len > sizeof(c->path) - c->path_len)
		len = sizeof(c->path) - c->path_len;
	memcpy(c->path + c->path_len, at, len);
	c->path_len += (unsigned int)len;
	return 0;
}

static int on_message_complete(http_parser *parser)
{
	static const char health[] = "/health";
	struct connection *c = parser->data;
	bool found = parser->method == HTTP_GET &&
		     c->path_len == sizeof(health) - 1 &&
		     !memcmp(c->path, health, sizeof(health) - 1);

	answers[answer_count++] = found ? ok : missing;
	if (!http_should_keep_alive(parser))
		c->close = true;
	if (answer_count == AT_ONCE)
		answer(c);
	return c->close;
}

static const http_parser_settings settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_message_complete = on_message_complete,
};

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	static char buffer[65536];

	(void)handle;
	(void)size;
	*ret = uv_buf_init(buffer, sizeof(buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct connection *c = (struct connection *)stream;
	size_t parsed;

	if (n == 0)
		return;
	if (n < 0) {
		close_connection(c);
		return;
	}
	c->active_ms = uv_now(stream->loop);
	parsed = http_parser_execute(&c->parser, &settings, buffer->base, (size_t)n);
	answer(c);
	if (parsed != (size_t)n && !c->close)
		close_connection(c);
}

/* --- connections ----------------------------------------------------------- */

static void on_connection(uv_stream_t *server, int err)
{
	struct connection *c;

	perf_check(err, "listen");
	c = perf_alloc(1, sizeof(*c));
	c->active_ms = uv_now(server->loop);
	perf_check(uv_tcp_init(server->loop, &c->tcp), "uv_tcp_init");
	c->next = connections;
	if (c->next)
		c->next->previous = c;
	connections = c;
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	if (uv_accept(server, (uv_stream_t *)c) < 0 ||
	    uv_tcp_nodelay(&c->tcp, 1) < 0 ||
	    uv_read_start((uv_stream_t *)c, on_alloc, on_read) < 0)
		close_connection(c);
}

static void on_second(uv_timer_t *timer)
{
	uint64_t now = uv_now(timer->loop);

	/* Closing unlinks it later. */
	for (struct connection *c = connections; c; c = c->next)
		if (now - c->active_ms > IDLE_MS)
			close_connection(c);
}

static void read_answer(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f) {
		perror(path);
		exit(1);
	}
	n = fread(ok_text, 1, sizeof(ok_text), f);
	fclose(f);
	ok = uv_buf_init(ok_text, (unsigned int)n);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	struct sockaddr_storage name;
	int name_size = sizeof(name);
	uv_timer_t second;
	uv_tcp_t server;
	long port = argc > 1 ? strtol(argv[1], NULL, 10) : 0;

	if (argc == 2 && !strcmp(argv[1], "version")) {
		puts(uv_version_string());
		return 0;
	}
	ok = uv_buf_init(ok_text, (unsigned int)strlen(ok_text));
	missing = uv_buf_init(missing_text, sizeof(missing_text) - 1);
	if (argc > 2)
		read_answer(argv[2]);
	perf_check(uv_ip4_addr("127.0.0.1", (int)port, &address), "uv_ip4_addr");
	perf_check(uv_tcp_init(loop, &server), "uv_tcp_init");
	perf_check(uv_tcp_bind(&server, (struct sockaddr *)&address, 0), "bind");
	perf_check(uv_listen((uv_stream_t *)&server, 1024, on_connection), "listen");
	perf_check(uv_tcp_getsockname(&server, (struct sockaddr *)&name, &name_size),
		   "getsockname");
	perf_check(uv_timer_init(loop, &second), "uv_timer_init");
	perf_check(uv_timer_start(&second, on_second, 1000, 1000), "uv_timer_start");
	printf("http_uv: listening at http://127.0.0.1:%d/\n",
	       ntohs(((struct sockaddr_in *)&name)->sin_port));
	fflush(stdout);
	return uv_run(loop, UV_RUN_DEFAULT);
}
