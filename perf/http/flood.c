/*
 * flood.c - as many requests as a server answers, from as little client as can be
 *
 *	http_flood URL PATH CONNECTIONS SECONDS
 *
 * CONNECTIONS connections, on each one request after another. Prints "flood REQUESTS
 * MICROSECONDS".
 *
 * Why not wrk: it uses more CPU a request than the servers under test (two epoll_ctl(),
 * a FIONREAD and the parsing for each), so that on a CPU of its own it is what limits
 * them all, and all look alike. Here a request is a send() and a recv(); an answer is
 * not looked at but for its length, that of the first one, and its first bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/measure.h"
#include "client.h"

enum { EVENTS = 256 };

struct flood {
	char request[256];
	size_t request_len;
	size_t answer_len;
	size_t *have;			/* of the answer under way, by descriptor */
	int epoll;
	uint64_t answers;
};

static void ask(const struct flood *f, int fd)
{
	ssize_t n = send(fd, f->request, f->request_len, MSG_NOSIGNAL);

	perf_check(n < 0 ? -errno : 0, "send");
	if ((size_t)n != f->request_len)
		perf_check(-EIO, "send");
}

static void take(struct flood *f, int fd)
{
	static const char good[] = "HTTP/1.1 200";
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	perf_check(n < 0 ? -errno : n == 0 ? -ECONNRESET : 0, "recv");
	if (!f->have[fd] && n >= (ssize_t)sizeof(good) &&
	    memcmp(text, good, sizeof(good) - 1) != 0)
		perf_check(-EPROTO, "an answer");
	f->have[fd] += (size_t)n;
	if (f->have[fd] > f->answer_len)
		perf_check(-EPROTO, "the length of an answer");
	if (f->have[fd] < f->answer_len)
		return;
	f->have[fd] = 0;
	f->answers++;
	ask(f, fd);
}

static void run(struct flood *f, int64_t end)
{
	struct epoll_event events[EVENTS];

	while (perf_clock() < end) {
		int n = epoll_wait(f->epoll, events, EVENTS, 1000);

		perf_check(n < 0 && errno != EINTR ? -errno : 0, "epoll_wait");
		for (int i = 0; i < n; i++)
			take(f, events[i].data.fd);
	}
}

static void open_connections(struct flood *f, uint16_t port, const char *path,
			     long count)
{
	static struct client_answer answer;

	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	perf_check(f->epoll < 0 ? -errno : 0, "epoll_create1");
	for (long i = 0; i < count; i++) {
		struct epoll_event event = { .events = EPOLLIN };
		int fd = client_connect(port, 0);

		perf_check(fd, "connect");
		if (fd >= count + 64)
			perf_check(-EMFILE, "connect");
		perf_check(client_get(fd, path, &answer), path);
		f->answer_len = answer.len;
		event.data.fd = fd;
		if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			perf_check(-errno, "epoll_ctl");
		ask(f, fd);
	}
}

int main(int argc, char **argv)
{
	struct flood f = { 0 };
	long connections = perf_arg(argc, argv, 3, 64);
	long seconds = perf_arg(argc, argv, 4, 4);
	int64_t began;

	if (argc != 5) {
		fprintf(stderr, "usage: http_flood URL PATH CONNECTIONS SECONDS\n");
		return 2;
	}
	f.have = perf_alloc((size_t)connections + 64, sizeof(*f.have));
	f.request_len = (size_t)snprintf(f.request, sizeof(f.request),
					 "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
					 argv[2]);
	open_connections(&f, client_port(argv[1]), argv[2], connections);
	began = perf_clock();
	run(&f, began + seconds * 1000000000);
	printf("flood %llu %llu\n", (unsigned long long)f.answers,
	       (unsigned long long)(perf_clock() - began) / 1000);
	free(f.have);
	return 0;
}
