/*
 * pump.c - the pool's size, and jobs that queue themselves again (see bench.h)
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum {
	POOL_MAX = 1024, /* MAX_THREADPOOL_SIZE of libuv 1.30 and later */
};

/* libuv takes a number beyond its limit for the limit, without a word. */
void pool_set_size(long n)
{
	char text[32];

	if (n > POOL_MAX) {
		fprintf(stderr, "libuv has at most %d threads\n", POOL_MAX);
		exit(1);
	}
	snprintf(text, sizeof(text), "%ld", n);
	if (setenv("UV_THREADPOOL_SIZE", text, 1)) {
		perror("setenv");
		exit(1);
	}
}

void do_nothing(uv_work_t *work)
{
	(void)work;
}

/* uv_run() returns how many handles are left, which is no error. */
void loop_run(uv_loop_t *loop)
{
	if (uv_run(loop ? loop : uv_default_loop(), UV_RUN_DEFAULT)) {
		fprintf(stderr, "uv_run: the loop ended with something to do\n");
		exit(1);
	}
}

static void start(struct pump *p, uv_work_t *work);

static void on_done(uv_work_t *work, int status)
{
	struct pump *p = work->data;

	perf_check(status, "job");
	p->done++;
	if (p->done == p->warm)
		perf_now(&p->start);
	if (p->done == p->warm + p->count)
		perf_now(&p->end);
	if (p->started < p->warm + p->count)
		start(p, work);
}

static void start(struct pump *p, uv_work_t *work)
{
	work->data = p;
	p->started++;
	perf_check(uv_queue_work(p->loop, work, p->work, on_done), "uv_queue_work");
}

void pump_run(struct pump *p)
{
	uv_work_t *works = perf_alloc(p->in_flight, sizeof(*works));

	if (!p->loop)
		p->loop = uv_default_loop();
	if (!p->warm)
		perf_now(&p->start);
	for (uint64_t i = 0; i < p->in_flight && p->started < p->warm + p->count; i++)
		start(p, &works[i]);
	loop_run(p->loop);
	free(works);
}
