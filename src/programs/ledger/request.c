/*
 * request.c - see request.h
 *
 * The grammar is http_parser's, but for line ends (framing.c). What is kept of a
 * request is its target (request_target.c) and its body, one after the other in one
 * piece of memory, which for most requests is the one that comes with the reader. What
 * of the headers the parser does not deal with itself is in request_head.c.
 *
 * The parser is stopped at the end of each request, so what follows in the stream stays
 * there until the answer is out: pipelined requests are served one after another.
 *
 * Two deadlines: a connection may be silent between requests for idle_ns, but once the
 * first byte of a request is there all of it has to come within request_ns. A peer that
 * sends a byte now and then gains nothing. Who connects has something to say, so until
 * the first request begins the shorter of both is the limit. Empty lines, which some
 * clients send behind a body, are not the beginning of one; a few are passed over.
 *
 * At the end. Once its owner says that it is ending, a reader still reads to its end
 * what has begun to come. The owner may have closed the socket for reading by then: who
 * has sent half of a request must not hear that it is a bad one. It is a 503, and the
 * client may ask somebody else.
 */
#include "request_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <eider/io.h>
#include <eider/loop.h>

enum {
	BLANK_MAX = 16,			/* bytes of empty lines */
};

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static struct reader *reader_of(http_parser *p)
{
	return p->data;
}

int reader_refuse(struct reader *r, unsigned int status)
{
	r->refusal = (uint16_t)status;
	return -1;
}

/* Room for @n more bytes and a NUL. */
static bool make_room(struct reader *r, size_t n)
{
	size_t need = r->text_len + n + 1, size = r->text_size;
	char *p;

	if (need <= size)
		return true;
	while (size < need)
		size *= 2;
	p = r->text == r->small ? malloc(size) : realloc(r->text, size);
	if (!p)
		return false;
	if (r->text == r->small)
		memcpy(p, r->small, r->text_len);
	r->text = p;
	r->text_size = (uint32_t)size;
	return true;
}

int reader_append(struct reader *r, const char *data, size_t n)
{
	if (!make_room(r, n))
		return reader_refuse(r, 503);
	memcpy(r->text + r->text_len, data, n);
	r->text_len += (uint32_t)n;
	r->text[r->text_len] = '\0';
	return 0;
}

static void forget_text(struct reader *r)
{
	if (r->text != r->small)
		free(r->text);
	r->text = r->small;
	r->text_size = sizeof(r->small);
	r->text_len = 0;
	r->small[0] = '\0';
}

/* ---- what the parser says ---- */

static int on_target(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);

	r->has_method = true;
	if (r->text_len + len > r->limits->header_bytes / 2)
		return reader_refuse(r, 414);
	return reader_append(r, at, len);
}

static int end_target(struct reader *r)
{
	r->head.begun = true;
	r->target_len = r->text_len;
	return reader_append(r, "", 1);
}

static int on_name(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);

	if (!r->head.begun && end_target(r) < 0)
		return -1;
	return head_add_name(r, at, len);
}

/* Also called for an empty value. */
static int on_value(http_parser *p, const char *at, size_t len)
{
	return head_add_value(reader_of(p), at, len);
}

static int on_headers(http_parser *p)
{
	struct reader *r = reader_of(p);

	if (p->http_major != 1)
		return reader_refuse(r, p->http_major ? 505 : 400);
	if (!r->head.begun && end_target(r) < 0)
		return -1;
	if (head_end(r) < 0)
		return -1;
	if (!(p->flags & F_CHUNKED) && (p->flags & F_CONTENTLENGTH) &&
	    p->content_length > r->limits->body_bytes)
		return reader_refuse(r, 413);
	r->text_len = r->target_len + 1;
	r->text[r->text_len] = '\0';
	p->upgrade = 0;			/* to what? */
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);
	size_t so_far = r->text_len - r->target_len - 1;

	if (!framing_check(&r->framing, at))
		return reader_refuse(r, 400);
	framing_pass(&r->framing, at + len,
		     (p->flags & F_CHUNKED) && !p->content_length);
	if (so_far + len > r->limits->body_bytes)
		return reader_refuse(r, 413);
	return reader_append(r, at, len);
}

static int on_complete(http_parser *p)
{
	struct reader *r = reader_of(p);

	r->complete = true;
	r->keep_alive = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---- reading ---- */

void reader_init(struct reader *r, const struct http_limits *limits)
{
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = r;
	r->limits = limits;
	r->text = r->small;
	forget_text(r);
}

void reader_release(struct reader *r)
{
	forget_text(r);
}

static void start(struct reader *r)
{
	if (HTTP_PARSER_ERRNO(&r->parser) == HPE_PAUSED)
		http_parser_pause(&r->parser, 0);
	forget_text(r);
	r->target_len = 0;
	r->blank = 0;
	r->begun = false;
	r->complete = false;
	r->has_method = false;
	memset(&r->framing, 0, sizeof(r->framing));
	memset(&r->head, 0, offsetof(struct head, name));
}

/* Does a request begin in @data? Empty lines are none. */
static bool begins(struct reader *r, const char *data, long n)
{
	long blank = 0;

	while (blank < n && blank <= BLANK_MAX &&
	       (data[blank] == '\r' || data[blank] == '\n'))
		blank++;
	r->blank += (uint8_t)blank;
	return blank < n;
}

static unsigned int meaning(struct reader *r, enum http_errno err)
{
	if (err != HPE_HEADER_OVERFLOW)
		return 400;
	r->has_method = true;
	return r->head.begun ? 431 : 414;
}

/* Give @data to the parser, up to the end of the request. */
static int parse(struct reader *r, struct eider_stream *stream, const char *data,
		 long n)
{
	enum http_errno err;
	size_t used;

	framing_feed(&r->framing, data);
	used = http_parser_execute(&r->parser, &settings, data, (size_t)n);
	if (used > (size_t)n)
		used = (size_t)n;
	err = HTTP_PARSER_ERRNO(&r->parser);
	if (!r->refusal && !r->complete && err != HPE_OK)
		reader_refuse(r, meaning(r, err));
	if (!r->refusal &&
	    (r->blank > BLANK_MAX || !framing_check(&r->framing, data + used)))
		reader_refuse(r, 400);
	eider_stream_consume(stream, used);
	return r->refusal;
}

static int send_go_on(struct reader *r, const struct eider_stream *stream,
		      int64_t deadline)
{
	long err;

	if (!r->head.expects_continue || r->complete)
		return 0;
	r->head.expects_continue = false;
	if (r->text_len > r->target_len + 1)	/* it did not wait */
		return 0;
	err = eider_send_until(stream->fd, go_on, sizeof(go_on) - 1, deadline);
	return err < 0 ? (int)err : 0;
}

/* Nothing more comes, or not in time. */
static int end_early(struct reader *r, long n)
{
	if (!r->begun)
		return n == -ETIME ? 0 : (int)n;
	if (n == -ETIME)
		reader_refuse(r, 408);
	else if (!n)
		reader_refuse(r, r->ending ? 503 : 400);
	return r->refusal ? r->refusal : (int)n;
}

static int read_all(struct reader *r, struct eider_stream *stream, int64_t now)
{
	const struct http_limits *l = r->limits;
	bool hurry = !r->had_one && l->request_ns < l->idle_ns;
	int64_t deadline = now + (hurry ? l->request_ns : l->idle_ns);
	const char *data;
	int err;

	while (!r->complete) {
		long n = eider_stream_peek(stream, &data, deadline);

		if (n <= 0)
			return end_early(r, n);
		if (!r->begun && begins(r, data, n)) {
			deadline = eider_loop_now(eider_loop_current()) +
				   l->request_ns;
			r->begun = true;
		}
		err = parse(r, stream, data, n);
		if (!err && r->head.over)
			err = send_go_on(r, stream, deadline);
		if (err)
			return err;
		if (!r->begun && r->ending && !reader_has_more(stream))
			return 0;
	}
	return 1;
}

static int fill_in(struct reader *r, struct http_request *ret)
{
	if (target_split(r, ret) < 0)
		return -1;
	ret->method = r->parser.method;
	ret->method_name = http_method_str(r->parser.method);
	ret->body = r->text + r->target_len + 1;
	ret->body_len = r->text_len - r->target_len - 1;
	ret->foreign = r->head.foreign;
	ret->at = eider_loop_now(eider_loop_current());
	return 1;
}

int reader_next(struct reader *r, struct eider_stream *stream, int64_t now,
		struct http_request *ret)
{
	int res;

	start(r);
	res = read_all(r, stream, now);
	r->had_one = true;
	if (res != 1)
		return res;
	return fill_in(r, ret) < 0 ? r->refusal : 1;
}

bool reader_has_more(const struct eider_stream *stream)
{
	int n = 0;

	return eider_stream_has_unread(stream) ||
	       (!ioctl(stream->fd, FIONREAD, &n) && n > 0);
}

bool reader_is_head(const struct reader *r)
{
	return r->has_method && r->parser.method == HTTP_HEAD;
}
