/*
 * bench_uv_jobs.c - bench_jobs.c, written for libuv
 *
 *	bench_uv_jobs [WORKERS [COUNT [IN_FLIGHT]]]
 *	bench_uv_jobs version
 *
 * The same structure, call for call: uv_queue_work() with an empty function, and
 * the callback queues the same request again. WORKERS becomes UV_THREADPOOL_SIZE,
 * which libuv reads when the first request comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "measure.h"

struct pump {
	unsigned int in_flight;
	uint64_t count;
	struct perf_moment start, end;
	uint64_t started;
	uint64_t done;
	uint64_t warm;
};

static void nothing(uv_work_t *work)
{
	(void)work;
}

static void start(struct pump *p, uv_work_t *work);

static void on_done(uv_work_t *work, int status)
{
	struct pump *p = work->data;

	(void)status;
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
	perf_check(uv_queue_work(uv_default_loop(), work, nothing, on_done),
		   "uv_queue_work");
	p->started++;
}

static void run(struct pump *p)
{
	uv_work_t *works = perf_alloc(p->in_flight, sizeof(*works));

	p->warm = p->count / 10 + 1;
	for (unsigned int i = 0; i < p->in_flight; i++)
		start(p, &works[i]);
	perf_check(uv_run(uv_default_loop(), UV_RUN_DEFAULT), "uv_run");
	free(works);
}

int main(int argc, char **argv)
{
	struct pump p = { 0 };
	char text[64];
	long workers;

	if (argc == 2 && !strcmp(argv[1], "version")) {
		puts(uv_version_string());
		return 0;
	}
	workers = perf_arg(argc, argv, 1, 1);
	p.count = (uint64_t)perf_arg(argc, argv, 2, 1000000);
	p.in_flight = (unsigned int)perf_arg(argc, argv, 3, 1024);
	snprintf(text, sizeof(text), "%ld", workers);
	setenv("UV_THREADPOOL_SIZE", text, 1);
	run(&p);
	perf_check(uv_loop_close(uv_default_loop()), "uv_loop_close");

	snprintf(text, sizeof(text), "workers=%ld,inflight=%u", workers,
		 p.in_flight);
	perf_print("jobs", "libuv", text,
		   (double)p.count * 1e9 / (double)(p.end.wall_ns - p.start.wall_ns),
		   "jobs/s");
	perf_print("jobs_cpu", "libuv", text,
		   (double)(p.end.cpu_ns - p.start.cpu_ns) / (double)p.count,
		   "ns/job");
	return 0;
}
