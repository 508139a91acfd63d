/*
 * request.c - see request.h
 *
 * The grammar is http_parser's; what is kept of a request is its target and its body,
 * one after the other in one piece of memory, which for most requests is the one that
 * comes with the reader. Of the headers only three matter that the parser does not
 * deal with itself: Host, Expect and Transfer-Encoding.
 *
 * The parser is stopped at the end of each request, so what follows in the stream stays
 * there until the answer is out: pipelined requests are served one after another.
 *
 * Two deadlines: a connection may be silent between requests for idle_ns, but once the
 * first byte of a request is there all of it has to come within request_ns. A peer that
 * sends a byte now and then gains nothing.
 */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <eider/io.h>
#include <eider/loop.h>

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static struct reader *reader_of(http_parser *p)
{
	return p->data;
}

static int refuse(struct reader *r, unsigned int status)
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

static int append(struct reader *r, const char *data, size_t n)
{
	if (!make_room(r, n))
		return refuse(r, 503);
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

	if (r->text_len + len > r->limits->header_bytes / 2)
		return refuse(r, 414);
	return append(r, at, len);
}

static int on_name(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);

	if (r->in_value)
		r->name_len = 0;
	r->in_value = false;
	r->in_headers = true;
	/* The parser would let it pass; others see another header than we. */
	if (memchr(at, ' ', len))
		return refuse(r, 400);
	for (size_t i = 0; i < len && r->name_len < sizeof(r->name); i++)
		r->name[r->name_len++] = (char)tolower((unsigned char)at[i]);
	return 0;
}

/* Of all such headers together; a piece more than there is room for is no match. */
static void add_coding(struct reader *r, const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (r->coding_len == sizeof(r->coding))
			r->coding[0] = '\0';
		else
			r->coding[r->coding_len++] =
				(char)tolower((unsigned char)at[i]);
	}
}

static bool is_named(const struct reader *r, const char *name)
{
	return r->name_len == strlen(name) && !memcmp(r->name, name, r->name_len);
}

/* Also called for an empty value. */
static int on_value(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);
	bool first = !r->in_value;

	r->in_value = true;
	if (first && is_named(r, "host"))
		r->hosts += r->hosts < 2;
	else if (first && is_named(r, "expect"))
		r->expects_continue = true;
	else if (is_named(r, "transfer-encoding"))
		add_coding(r, at, len);
	return 0;
}

static int on_headers(http_parser *p)
{
	struct reader *r = reader_of(p);
	bool is_new = p->http_minor >= 1;

	if (p->http_major != 1)
		return refuse(r, p->http_major ? 505 : 400);
	if (r->hosts > 1 || (is_new && !r->hosts))
		return refuse(r, 400);
	/* The parser looks for chunked as the last coding only. */
	while (r->coding_len && strchr(" \t", r->coding[r->coding_len - 1]))
		r->coding_len--;
	if (r->coding_len && (r->coding_len != 7 || memcmp(r->coding, "chunked", 7)))
		return refuse(r, 501);
	if (r->coding_len && !is_new)	/* 1.0 does not know it: who added it? */
		return refuse(r, 400);
	if (!(p->flags & F_CHUNKED) && (p->flags & F_CONTENTLENGTH) &&
	    p->content_length > r->limits->body_bytes)
		return refuse(r, 413);
	r->target_len = r->text_len;
	if (append(r, "", 1) < 0)
		return -1;
	r->expects_continue &= is_new;
	p->upgrade = 0;			/* to what? */
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct reader *r = reader_of(p);
	size_t so_far = r->text_len - r->target_len - 1;

	if (so_far + len > r->limits->body_bytes)
		return refuse(r, 413);
	return append(r, at, len);
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
	r->name_len = 0;
	r->coding_len = 0;
	r->hosts = 0;
	r->in_headers = false;
	r->in_value = false;
	r->expects_continue = false;
	r->begun = false;
	r->complete = false;
}

/* Give @data to the parser, up to the end of the request. */
static int parse(struct reader *r, struct eider_stream *stream, const char *data,
		 long n)
{
	enum http_errno err;
	size_t used;

	used = http_parser_execute(&r->parser, &settings, data, (size_t)n);
	err = HTTP_PARSER_ERRNO(&r->parser);
	eider_stream_consume(stream, used < (size_t)n ? used : (size_t)n);
	if (r->complete || err == HPE_OK)
		return 0;
	if (!r->refusal)
		refuse(r, err != HPE_HEADER_OVERFLOW ? 400 : r->in_headers ? 431 : 414);
	return r->refusal;
}

static int send_go_on(struct reader *r, const struct eider_stream *stream,
		      int64_t deadline)
{
	long err;

	if (!r->expects_continue || r->complete)
		return 0;
	r->expects_continue = false;
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
		refuse(r, 408);
	else if (!n)
		refuse(r, 400);
	return r->refusal ? r->refusal : (int)n;
}

static int read_all(struct reader *r, struct eider_stream *stream, int64_t now)
{
	int64_t deadline = now + r->limits->idle_ns;
	const char *data;
	int err;

	while (!r->complete) {
		long n = eider_stream_peek(stream, &data, deadline);

		if (n <= 0)
			return end_early(r, n);
		if (!r->begun) {
			deadline = eider_loop_now(eider_loop_current()) +
				   r->limits->request_ns;
			r->begun = true;
		}
		err = parse(r, stream, data, n);
		if (!err && r->target_len)
			err = send_go_on(r, stream, deadline);
		if (err)
			return err;
	}
	return 1;
}

/* The target taken apart, in place. */
static int fill_in(struct reader *r, struct http_request *ret)
{
	struct http_parser_url url;
	char *path = r->text, *query = r->text + r->target_len;

	http_parser_url_init(&url);
	if (http_parser_parse_url(r->text, r->target_len,
				  r->parser.method == HTTP_CONNECT, &url))
		return refuse(r, 400);
	if (url.field_set & (1 << UF_QUERY)) {
		query = r->text + url.field_data[UF_QUERY].off;
		query[url.field_data[UF_QUERY].len] = '\0';
	}
	if (url.field_set & (1 << UF_PATH)) {
		path = r->text + url.field_data[UF_PATH].off;
		path[url.field_data[UF_PATH].len] = '\0';
		ret->path = path;
	} else {
		ret->path = "/";
	}
	ret->query = query;
	ret->method = r->parser.method;
	ret->method_name = http_method_str(r->parser.method);
	ret->body = r->text + r->target_len + 1;
	ret->body_len = r->text_len - r->target_len - 1;
	ret->at = eider_loop_now(eider_loop_current());
	return 1;
}

int reader_next(struct reader *r, struct eider_stream *stream, int64_t now,
		struct http_request *ret)
{
	int res;

	start(r);
	res = read_all(r, stream, now);
	if (res != 1)
		return res;
	return fill_in(r, ret) < 0 ? r->refusal : 1;
}
