/*
 * echo.c - a loop that serves connections and passes jobs at the same time
 *
 * A fiber for each connection, reading by a stream and sending what it was given from
 * where the kernel has put it. Jobs are paced by an alarm: PERIOD_NS apart, on an
 * absolute schedule, it starts those that are due, at most those of BATCH_NS. So a loop
 * that is late catches up, but not at once; one that cannot keep up passes fewer, and
 * the rate that is printed says so.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/echo.h"
#include "bench.h"

enum {
	PERIOD_NS = 500000,
	BATCH_NS = 1000000,
	JOBS = 65536,			/* in flight at most */
};

struct paced {
	struct eider_job job;		/* first: the callback is given its future */
	struct paced *next;		/* of those that are free */
};

static struct {
	struct paced *jobs, *free;
	struct eider_alarm alarm;
	int64_t rate;			/* jobs a second */
	int64_t begin, next, end;
	int64_t started, done;		/* jobs */
	long open;			/* connections that have not ended */
} echo;

/* ---- jobs ---- */

static void on_done(struct eider_future *f)
{
	struct paced *p = (struct paced *)f;

	echo.done++;
	p->next = echo.free;
	echo.free = p;
}

static void start_jobs(int64_t n)
{
	for (; n > 0 && echo.free; n--) {
		struct paced *p = echo.free;

		echo.free = p->next;
		perf_check(eider_submit(&p->job, bench_nothing, NULL),
			   "eider_submit");
		perf_check(eider_on_done(&p->job.future, on_done), "eider_on_done");
		echo.started++;
	}
}

static void on_alarm(struct eider_future *f);

static void set_alarm(void)
{
	echo.next += PERIOD_NS;
	perf_check(eider_alarm_start(&echo.alarm, echo.next), "eider_alarm_start");
	perf_check(eider_on_done(&echo.alarm.future, on_alarm), "eider_on_done");
}

static void on_alarm(struct eider_future *f)
{
	int64_t batch = echo.rate * BATCH_NS / 1000000000 + 1;
	int64_t due = (int64_t)((double)(perf_clock() - echo.begin) / 1e9 *
				(double)echo.rate) - echo.started;

	(void)f;
	if (echo.open)
		set_alarm();
	start_jobs(due < batch ? due : batch);
}

static void begin_jobs(void)
{
	echo.jobs = perf_alloc(JOBS, sizeof(*echo.jobs));
	for (long i = 0; i < JOBS; i++) {
		echo.jobs[i].next = echo.free;
		echo.free = &echo.jobs[i];
	}
	echo.begin = echo.next = perf_clock();
	if (echo.rate > 1)
		set_alarm();
}

/* ---- connections ---- */

static void echo_all(struct eider_stream *s)
{
	const char *data;
	long n;

	while ((n = eider_stream_peek(s, &data, EIDER_NEVER)) > 0) {
		perf_check(eider_send(s->fd, data, (size_t)n), "eider_send");
		eider_stream_consume(s, (size_t)n);
	}
	perf_check(n, "eider_stream_peek");
}

static long serve(void *arg)
{
	int fd = (int)(intptr_t)arg, on = 1;
	struct eider_stream s;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		perf_check(-errno, "TCP_NODELAY");
	perf_check(eider_stream_init(&s, fd), "eider_stream_init");
	echo_all(&s);
	eider_stream_close(&s);
	if (!--echo.open)
		echo.end = perf_clock();
	return 0;
}

static int port_of(int fd)
{
	char name[64];
	const char *colon;

	perf_check(eider_socket_name(fd, false, name, sizeof(name)),
		   "eider_socket_name");
	colon = strrchr(name, ':');
	return colon ? atoi(colon + 1) : 0;
}

static long accept_all(void *unused)
{
	struct eider_acceptor acceptor;
	int fd = eider_listen("127.0.0.1:0", 0);

	(void)unused;
	perf_check(fd, "eider_listen");
	eider_acceptor_init(&acceptor, fd);
	perf_echo_start(port_of(fd));
	for (long i = echo.open; i > 0; i--) {
		long one = eider_acceptor_next(&acceptor, EIDER_NEVER);

		perf_check(one, "eider_acceptor_next");
		perf_check(eider_go(serve, (void *)(intptr_t)one), "eider_go");
	}
	eider_acceptor_close(&acceptor);
	close(fd);
	return 0;
}

void bench_echo(void)
{
	struct eider_options options = { .size = sizeof(options), .workers_max = 1 };
	struct bench b;

	echo.open = perf_get("connections");
	echo.rate = perf_get("rate");
	bench_open(&b, &options);
	perf_check(eider_go(accept_all, NULL), "eider_go");
	begin_jobs();
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	bench_close(&b);
	perf_echo_finish("eider");
	perf_print("echo_jobs", "eider",
		   (double)echo.done * 1e9 / (double)(echo.end - echo.begin), "jobs/s");
	free(echo.jobs);
}
