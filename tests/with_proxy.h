/*
 * with_proxy.h - somebody between a test and its PostgreSQL server, and in the way
 *
 *	proxy_start();
 *	proxy_play(PROXY_CUT, "COMMIT");
 *	... proxy_url("") ...
 *	proxy_stop();
 *
 * It listens on 127.0.0.1, and hands on what it hears to the server's socket and back.
 * When a client says something with the given text in it, it hands that on, and then
 * plays its part with this client:
 *
 *	PROXY_HOLD	nothing that the server says gets through any more, but both
 *			sides are taken for alive: as if the server was stopped
 *	PROXY_CUT	with the server's next word the client's connection ends, and
 *			nothing of it gets through: as if the network went
 *	PROXY_BYE	behind the server's next word stands a good-bye, in one piece,
 *			and then the connection ends: as if the server was shut down
 *			just then
 *
 * Requests to cancel, which are connections of their own, may be held as well: then
 * they are taken, and neither handed on nor answered.
 *
 * One thread does it all. What tests set while it runs is atomic.
 */
#ifndef EIDER_TESTS_WITH_PROXY_H
#define EIDER_TESTS_WITH_PROXY_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "with_postgres.h"

enum proxy_part {
	PROXY_HOLD,
	PROXY_CUT,
	PROXY_BYE,
};

enum {
	PROXY_PAIRS = 32,
};

struct proxy_pair {
	int client, server;	/* -1: none */
	bool greeted;		/* the client has said its first word */
	bool held, cut, bye;
};

static struct {
	/* Constant while it runs. */
	int listener;
	uint16_t port;
	pthread_t thread;

	/* Atomic. */
	const char *text;	/* NULL: none */
	unsigned int part;
	unsigned int stop, hold_cancels;
	unsigned int heard;	/* how often the text was */
	unsigned int cancels;	/* that came, held or not */

	/* Its thread's. */
	struct proxy_pair pairs[PROXY_PAIRS];
} proxy;

/* --- in its thread --------------------------------------------------------- */

static inline int proxy_reach_server(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%.90s/.s.PGSQL.5432", postgres.dir);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void proxy_end(struct proxy_pair *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->server >= 0)
		close(p->server);
	p->client = p->server = -1;
}

static inline void proxy_accept(void)
{
	int fd = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < PROXY_PAIRS; i++) {
		struct proxy_pair *p = &proxy.pairs[i];

		if (p->client >= 0)
			continue;
		*p = (struct proxy_pair){ .client = fd };
		p->server = proxy_reach_server();
		if (p->server < 0)
			proxy_end(p);
		return;
	}
	close(fd);
}

static inline bool proxy_is_cancel(const char *said, size_t len)
{
	return len == 16 && !memcmp(said + 4, "\x04\xd2\x16\x2e", 4);
}

/* What the client says: true if the server is to hear it. */
static inline bool proxy_hear(struct proxy_pair *p, const char *said, size_t len)
{
	const char *text = __atomic_load_n(&proxy.text, __ATOMIC_SEQ_CST);
	bool first = !p->greeted;

	p->greeted = true;
	if (first && proxy_is_cancel(said, len)) {
		harness_add(&proxy.cancels, 1);
		return !harness_get(&proxy.hold_cancels);
	}
	if (text && !p->held && memmem(said, len, text, strlen(text))) {
		p->held = harness_get(&proxy.part) == PROXY_HOLD;
		p->cut = harness_get(&proxy.part) == PROXY_CUT;
		p->bye = harness_get(&proxy.part) == PROXY_BYE;
		harness_add(&proxy.heard, 1);
	}
	return true;
}

/* What the server said is so long already; with a good-bye behind it. */
static inline size_t proxy_add_bye(char *said, size_t len, size_t size)
{
	static const char bye[] = "E\0\0\0\045SFATAL\0VFATAL\0C57P01\0Mshut down\0";

	ck_assert_uint_le(len + sizeof(bye), size);
	memcpy(said + len, bye, sizeof(bye));
	return len + sizeof(bye);
}

static inline void proxy_pass(struct proxy_pair *p, bool from_client)
{
	char said[8192];
	ssize_t n = read(from_client ? p->client : p->server, said, sizeof(said));
	bool pass;

	if (n <= 0 || (!from_client && p->cut)) {
		/* One that is held hears nothing, not even of the end. */
		if (!from_client && p->held) {
			close(p->server);
			p->server = -1;
		} else {
			proxy_end(p);
		}
		return;
	}
	if (!from_client && p->bye)
		n = (ssize_t)proxy_add_bye(said, (size_t)n, sizeof(said));
	pass = from_client ? proxy_hear(p, said, (size_t)n) : !p->held;
	if (pass && send(from_client ? p->server : p->client, said, (size_t)n,
			 MSG_NOSIGNAL) != n && !p->held)
		proxy_end(p);
	if (!from_client && p->bye)
		proxy_end(p);
}

static inline void *proxy_run(void *arg)
{
	struct pollfd fds[1 + 2 * PROXY_PAIRS];

	while (!harness_get(&proxy.stop)) {
		fds[0] = (struct pollfd){ .fd = proxy.listener, .events = POLLIN };
		for (int i = 0; i < PROXY_PAIRS; i++) {
			fds[1 + 2 * i] = (struct pollfd){ proxy.pairs[i].client,
							  POLLIN, 0 };
			fds[2 + 2 * i] = (struct pollfd){ proxy.pairs[i].server,
							  POLLIN, 0 };
		}
		poll(fds, 1 + 2 * PROXY_PAIRS, 20);
		for (int i = 0; i < PROXY_PAIRS; i++) {
			struct proxy_pair *p = &proxy.pairs[i];

			if (fds[1 + 2 * i].revents && p->client >= 0)
				proxy_pass(p, true);
			if (fds[2 + 2 * i].revents && p->server >= 0)
				proxy_pass(p, false);
		}
		if (fds[0].revents)
			proxy_accept();
	}
	return arg;
}

/* --- for tests ------------------------------------------------------------- */

/* A listener at @address, with @port or one of the system's choosing. */
static inline int proxy_listen(const char *address, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static inline void proxy_start(void)
{
	memset(&proxy, 0, sizeof(proxy));
	for (int i = 0; i < PROXY_PAIRS; i++)
		proxy.pairs[i].client = proxy.pairs[i].server = -1;
	proxy.listener = proxy_listen("127.0.0.1", 0, &proxy.port);
	ck_assert_int_eq(pthread_create(&proxy.thread, NULL, proxy_run, NULL), 0);
}

static inline void proxy_stop(void)
{
	harness_set(&proxy.stop, 1);
	pthread_join(proxy.thread, NULL);
	for (int i = 0; i < PROXY_PAIRS; i++)
		proxy_end(&proxy.pairs[i]);
	close(proxy.listener);
}

/* From now on; NULL is no part. Who is held already stays so. */
static inline void proxy_play(enum proxy_part part, const char *text)
{
	harness_set(&proxy.part, part);
	harness_set(&proxy.heard, 0);
	__atomic_store_n(&proxy.text, text, __ATOMIC_SEQ_CST);
}

/* With more parameters; valid until the fourth call from now. */
static inline const char *proxy_url(const char *parameters)
{
	static char urls[4][300];
	static unsigned int n;
	char *url = urls[n++ % 4];

	snprintf(url, sizeof(urls[0]), "postgresql://eider@127.0.0.1:%u/postgres%s",
		 proxy.port, parameters);
	return url;
}

#endif
