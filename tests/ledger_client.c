/*
 * ledger_client.c - see ledger_client.h
 *
 * Bytes are received into c->in, and taken from its front: the head up to the empty
 * line, then as many as Content-Length says. The ledger always says so; an answer
 * without it is a mistake here, and gives -EPROTO.
 */
#include "ledger_client.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What a socket with SO_RCVTIMEO says if it took too long. */
static int why(void)
{
	return errno == EAGAIN || errno == EINPROGRESS ? -ETIME : -errno;
}

int client_open(struct client *c, const char *host, uint16_t port, int64_t patience_ns)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { patience_ns / 1000000000,
				    patience_ns / 1000 % 1000000 };
	int one = 1, err;

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (inet_pton(AF_INET, host, &a.sin_addr) == 1 &&
	    !setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) &&
	    !setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) &&
	    !connect(c->fd, (struct sockaddr *)&a, sizeof(a)))
		return 0;
	err = why();
	client_close(c);
	return err;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->head);
	free(c->body);
	free(c->in);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

int client_send(struct client *c, const void *data, size_t len)
{
	const char *p = data;

	if (c->fd < 0)
		return -ENOTCONN;
	while (len) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why();
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int client_send_text(struct client *c, const char *text)
{
	return client_send(c, text, strlen(text));
}

/* More into c->in, with a final NUL behind; 0 at the end, or -errno. */
static long receive(struct client *c)
{
	ssize_t n;

	if (c->fd < 0)
		return -ENOTCONN;
	if (c->in_size - c->in_len < 4096) {
		size_t size = 2 * c->in_size + 8192;
		char *in = realloc(c->in, size);

		if (!in)
			return -ENOMEM;
		c->in = in;
		c->in_size = size;
	}
	do
		n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return why();
	c->in_len += (size_t)n;
	c->in[c->in_len] = 0;
	return n;
}

/* The first @n bytes of c->in, as text of its own in *@to. */
static int take(struct client *c, size_t n, char **to)
{
	char *copy = realloc(*to, n + 1);

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, c->in, n);
	copy[n] = 0;
	*to = copy;
	c->in_len -= n;
	if (c->in_len)
		memmove(c->in, c->in + n, c->in_len);
	return 0;
}

/* The length of the head with its empty line, once it is all there. */
static long receive_head(struct client *c)
{
	for (;;) {
		char *end = c->in_len ? memmem(c->in, c->in_len, "\r\n\r\n", 4) : NULL;
		long n;

		if (end)
			return end - c->in + 4;
		n = receive(c);
		if (!n)
			return c->in_len ? -EPROTO : -ENODATA;
		if (n < 0)
			return n;
	}
}

/* How long the body is, after the head. */
static int content_length(const struct client *c, size_t *ret)
{
	char value[32];
	char *end;

	if (!client_header(c, "Content-Length", value, sizeof(value)))
		return -EPROTO;
	*ret = strtoul(value, &end, 10);
	return *end || !isdigit((unsigned char)value[0]) ? -EPROTO : 0;
}

int client_answer(struct client *c, bool bodyless)
{
	long head_len = receive_head(c);
	char connection[32] = "";
	int minor, err;

	if (head_len < 0)
		return (int)head_len;
	err = take(c, (size_t)head_len, &c->head);
	if (err)
		return err;
	if (sscanf(c->head, "HTTP/1.%d %3d ", &minor, &c->status) != 2)
		return -EPROTO;
	client_header(c, "Connection", connection, sizeof(connection));
	c->closes = !strcasecmp(connection, "close");
	c->body_len = 0;
	if (c->status >= 200 && content_length(c, &c->body_len))
		return -EPROTO;
	if (bodyless)
		c->body_len = 0;
	while (c->in_len < c->body_len) {
		long n = receive(c);

		if (n <= 0)
			return n ? (int)n : -EPROTO;
	}
	err = take(c, c->body_len, &c->body);
	return err ? err : c->status;
}

int client_ask(struct client *c, const char *method, const char *path, const char *body)
{
	char request[8192];
	int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: ledger\r\n",
			 method, path);
	int err;

	if (body)
		n += snprintf(request + n, sizeof(request) - (size_t)n,
			      "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	else
		n += snprintf(request + n, sizeof(request) - (size_t)n, "\r\n");
	if ((size_t)n >= sizeof(request))
		return -E2BIG;
	err = client_send(c, request, (size_t)n);
	return err ? err : client_answer(c, !strcmp(method, "HEAD"));
}

long client_end(struct client *c)
{
	long all = (long)c->in_len, n;

	while ((n = receive(c)) > 0) {
		all += n;
		c->in_len = 0;
	}
	return n < 0 ? n : all;
}

bool client_header(const struct client *c, const char *name, char *ret, size_t len)
{
	size_t name_len = strlen(name);

	for (const char *p = c->head; p && (p = strstr(p, "\r\n"));) {
		const char *end;

		p += 2;
		if (strncasecmp(p, name, name_len) || p[name_len] != ':')
			continue;
		p += name_len + 1;
		p += strspn(p, " \t");
		end = strstr(p, "\r\n");
		snprintf(ret, len, "%.*s", end ? (int)(end - p) : 0, p);
		return true;
	}
	return false;
}

int64_t client_number(const struct client *c, const char *key)
{
	json_t *object = json_loadb(c->body, c->body_len, 0, NULL);
	json_t *value = json_object_get(object, key);
	int64_t n = json_is_integer(value) ? json_integer_value(value) : -1;

	json_decref(object);
	return n;
}

const char *client_text(const struct client *c, const char *key, char ret[128])
{
	json_t *object = json_loadb(c->body, c->body_len, 0, NULL);
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(ret, 128, "%s", text ? text : "");
	json_decref(object);
	return ret;
}

bool client_is_error(const struct client *c, const char *word)
{
	char text[128];

	return !strcmp(client_text(c, "error", text), word) &&
	       client_text(c, "message", text)[0];
}

int client_open_account(struct client *c, const char *owner, int64_t balance,
			int64_t *ret_id)
{
	char body[256];
	int status;

	snprintf(body, sizeof(body), "{\"owner\": \"%s\", \"balance\": %lld}", owner,
		 (long long)balance);
	status = client_ask(c, "POST", "/accounts", body);
	if (status == 201)
		*ret_id = client_number(c, "id");
	return status;
}

int client_transfer(struct client *c, int64_t from, int64_t to, int64_t amount,
		    const char *key, int64_t *ret_id)
{
	char body[256];
	int status;

	snprintf(body, sizeof(body),
		 "{\"from\": %lld, \"to\": %lld, \"amount\": %lld, \"key\": \"%s\"}",
		 (long long)from, (long long)to, (long long)amount, key);
	status = client_ask(c, "POST", "/transfers", body);
	if (ret_id && (status == 200 || status == 201))
		*ret_id = client_number(c, "id");
	return status;
}

int64_t client_balance(struct client *c, int64_t id)
{
	char path[64];

	snprintf(path, sizeof(path), "/accounts/%lld", (long long)id);
	if (client_ask(c, "GET", path, NULL) != 200)
		return -1;
	return client_number(c, "balance");
}
