/*
 * echo.c - the client of an echo server (see echo.h)
 *
 * Question number q is due at start + q * 250 us, on connection q % connections, and
 * is sent when it is due whether or not earlier ones were answered: a client that
 * waits for an answer before it asks again would ask a stalled server least. A
 * connection keeps order, so its n-th answer belongs to question n * connections +
 * its own number, and nothing has to be remembered but two counts of bytes.
 *
 * It sleeps in ppoll() until the next question is due or an answer is there, without
 * the kernel's slack for timers. What it takes to be woken is part of every time, the
 * same for all servers.
 *
 * The first tenth of the questions is not counted.
 */
#include "echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum {
	PERIOD_NS = 250000,
	PER_SECOND = 1000000000 / PERIOD_NS,
	BEFORE_FIRST_NS = 10000000,
	/* After the last question; then the server has failed. */
	PATIENCE_S = 10,
	EVENTS = 64,
	PATTERN_BYTES = 64 * PERF_ECHO_BYTES,
};

struct connection {
	int fd;
	size_t sent, received;	/* bytes */
};

static struct client {
	pthread_t thread;
	struct sockaddr_in address;
	struct connection *connections;
	size_t count;		/* of connections */
	size_t questions, asked, answered;
	int64_t start;
	int64_t *ns;		/* of each question */
	int epoll;
	char pattern[PATTERN_BYTES]; /* what is sent, again and again */
} client;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "echo: %s\n", what);
	exit(1);
}

static int64_t due(size_t question)
{
	return client.start + (int64_t)question * PERIOD_NS;
}

static void connect_one(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		perf_check(-errno, "echo: socket");
	if (connect(c->fd, (struct sockaddr *)&client.address,
		    sizeof(client.address)) < 0)
		perf_check(-errno, "echo: connect");
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		perf_check(-errno, "echo: TCP_NODELAY");
	if (epoll_ctl(client.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		perf_check(-errno, "echo: epoll_ctl");
}

/* False if the socket takes no more of it now. */
static bool send_message(struct connection *c)
{
	size_t left = PERF_ECHO_BYTES - c->sent % PERF_ECHO_BYTES;

	while (left) {
		ssize_t n = send(c->fd, client.pattern + c->sent % PATTERN_BYTES, left,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			perf_check(-errno, "echo: send");
		c->sent += (size_t)n;
		left -= (size_t)n;
	}
	return true;
}

/*
 * Ask what is due. False if a question did not fit: it holds up those behind it, and
 * all of them are late.
 */
static bool ask(void)
{
	while (client.asked < client.questions && due(client.asked) <= perf_clock()) {
		if (!send_message(&client.connections[client.asked % client.count]))
			return false;
		client.asked++;
	}
	return true;
}

static void take_answers(struct connection *c, size_t n)
{
	size_t number = (size_t)(c - client.connections);
	size_t before = c->received / PERF_ECHO_BYTES;
	int64_t now = perf_clock();

	c->received += n;
	if (c->received > c->sent)
		give_up("the server sent more than it was asked");
	for (size_t i = before; i < c->received / PERF_ECHO_BYTES; i++) {
		size_t question = i * client.count + number;

		client.ns[question] = now - due(question);
		client.answered++;
	}
}

static void listen_to(struct connection *c)
{
	size_t at = c->received % PERF_ECHO_BYTES;
	char answer[PATTERN_BYTES - PERF_ECHO_BYTES];
	ssize_t n = recv(c->fd, answer, sizeof(answer), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		perf_check(-errno, "echo: recv");
	if (n == 0)
		give_up("the server closed a connection");
	if (memcmp(answer, client.pattern + at, (size_t)n))
		give_up("the server sent something else than it was asked");
	take_answers(c, (size_t)n);
}

static int64_t time_to_wait(bool all_asked)
{
	int64_t left;

	if (!all_asked)
		return PERIOD_NS;
	if (client.asked < client.questions) {
		left = due(client.asked) - perf_clock();
		return left > 0 ? left : 0;
	}
	left = due(client.questions) + PATIENCE_S * 1000000000ll - perf_clock();
	if (left <= 0)
		give_up("the server does not answer");
	return left;
}

static void turn(void)
{
	struct pollfd pollfd = { .fd = client.epoll, .events = POLLIN };
	struct epoll_event events[EVENTS];
	int64_t ns = time_to_wait(ask());
	struct timespec wait = { ns / 1000000000, ns % 1000000000 };
	int n = ppoll(&pollfd, 1, &wait, NULL);

	if (n < 0 && errno != EINTR)
		perf_check(-errno, "echo: ppoll");
	if (n <= 0)
		return;
	n = epoll_wait(client.epoll, events, EVENTS, 0);
	if (n < 0 && errno != EINTR)
		perf_check(-errno, "echo: epoll_wait");
	for (int i = 0; i < n; i++)
		listen_to(events[i].data.ptr);
}

static void *run(void *arg)
{
	(void)arg;
	if (prctl(PR_SET_TIMERSLACK, 1) < 0)
		perf_check(-errno, "echo: PR_SET_TIMERSLACK");
	for (size_t i = 0; i < client.count; i++)
		connect_one(&client.connections[i]);
	client.start = perf_clock() + BEFORE_FIRST_NS;
	while (client.answered < client.questions)
		turn();
	for (size_t i = 0; i < client.count; i++)
		close(client.connections[i].fd);
	close(client.epoll);
	return NULL;
}

void perf_echo_start(int port)
{
	client.count = (size_t)perf_get("connections");
	client.questions = (size_t)perf_get("seconds") * PER_SECOND;
	client.connections = perf_alloc(client.count, sizeof(*client.connections));
	client.ns = perf_alloc(client.questions, sizeof(*client.ns));
	client.address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	for (size_t i = 0; i < PATTERN_BYTES; i++)
		client.pattern[i] = (char)('0' + i % PERF_ECHO_BYTES);
	client.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (client.epoll < 0)
		perf_check(-errno, "echo: epoll_create1");
	perf_check(-pthread_create(&client.thread, NULL, run, NULL),
		   "echo: pthread_create");
}

void perf_echo_finish(const char *system)
{
	size_t warm = client.questions / 10;

	pthread_join(client.thread, NULL);
	perf_print_times("echo", system, client.ns + warm, client.questions - warm);
	free(client.connections);
	free(client.ns);
}
