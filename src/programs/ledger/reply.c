/*
 * reply.c - see reply.h
 *
 * An answer that is small goes out in one piece, head and body copied together: for the
 * kernel that is one buffer less than two pieces are.
 */
#include "reply.h"

#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include <eider/io.h>

enum {
	PIECE_MAX = 1024,		/* what is copied together */
};

const char *http_status_text(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

/* What is being written, and where; never more than fits, which size says. */
struct piece {
	char *at;
	size_t len, size;
};

static inline void add_bytes(struct piece *p, const char *data, size_t n)
{
	if (n > p->size - p->len)
		n = p->size - p->len;
	memcpy(p->at + p->len, data, n);
	p->len += n;
}

/* Inline, as most of what is added is known when this is compiled, and its length. */
static inline __attribute__((always_inline)) void add(struct piece *p, const char *text)
{
	add_bytes(p, text, strlen(text));
}

static void add_number(struct piece *p, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	add_bytes(p, digits + i, sizeof(digits) - i);
}

/* Written anew once a second; a loop's fibers cannot be in here at the same time. */
static void add_date(struct piece *p)
{
	static __thread time_t second;
	static __thread char text[48];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec != second) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(text, sizeof(text), "\r\nDate: %a, %d %b %Y %H:%M:%S GMT",
			 &tm);
		second = now.tv_sec;
	}
	add(p, text);
}

static void add_head(struct piece *p, const struct http_response *response,
		     unsigned int flags)
{
	unsigned int status = response->status ? response->status : 200;

	add(p, "HTTP/1.1 ");
	add_number(p, status);
	add(p, " ");
	add(p, http_status_text(status));
	add_date(p);
	add(p, "\r\nContent-Type: ");
	add(p, response->type ? response->type : "application/json");
	add(p, "\r\nContent-Length: ");
	add_number(p, response->body_len);
	if (flags & REPLY_CLOSES)
		add(p, "\r\nConnection: close");
	else if (flags & REPLY_KEEPS)
		add(p, "\r\nConnection: keep-alive");
	add(p, "\r\n");
	if (response->headers)
		add(p, response->headers);
	add(p, "\r\n");
}

static int send_two(int fd, struct piece *head, const struct http_response *response,
		    int64_t deadline)
{
	struct iovec iov[2] = {
		{ head->at, head->len },
		{ (void *)response->body, response->body_len },
	};
	long res = eider_sendv_until(fd, iov, 2, deadline);

	return res < 0 ? (int)res : 0;
}

int reply_send(int fd, const struct http_response *response, unsigned int flags,
	       int64_t deadline)
{
	char memory[PIECE_MAX];
	struct piece p = { .at = memory, .size = sizeof(memory) };
	long res;

	add_head(&p, response, flags);
	if (!(flags & REPLY_HAS_NO_BODY) && response->body_len > p.size - p.len)
		return send_two(fd, &p, response, deadline);
	if (!(flags & REPLY_HAS_NO_BODY))
		add_bytes(&p, response->body, response->body_len);
	res = eider_send_until(fd, p.at, p.len, deadline);
	return res < 0 ? (int)res : 0;
}
