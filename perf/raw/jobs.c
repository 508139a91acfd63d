/*
 * jobs.c - empty jobs kept in flight (see jobs.h)
 *
 * Job number i belongs to worker i % workers, for ever: what follows it on the loop
 * passes it to the same worker again. That spreads empty jobs as well as anything
 * could, and costs nothing.
 */
#include <stdlib.h>

#include "jobs.h"

/* Of the loop's thread. */
static struct {
	const struct carrier *carrier;
	struct job *jobs;
	uint64_t in_flight, warm, count;
	uint64_t started, done;
	struct perf_moment start, end;
} pump;

static void nothing(struct job *job)
{
	(void)job;
}

static void start_one(struct job *job)
{
	pump.started++;
	pump.carrier->pass(job);
}

static void on_done(struct job *job)
{
	pump.done++;
	if (pump.done == pump.warm)
		perf_now(&pump.start);
	if (pump.done == pump.warm + pump.count)
		perf_now(&pump.end);
	if (pump.started < pump.warm + pump.count)
		start_one(job);
}

bool raw_jobs_left(void)
{
	return pump.done < pump.warm + pump.count;
}

unsigned int raw_jobs_each(void)
{
	return (unsigned int)(pump.in_flight / (uint64_t)perf_get("workers") + 1);
}

void raw_jobs_start(void)
{
	uint64_t workers = (uint64_t)perf_get("workers");

	for (uint64_t i = 0; i < pump.in_flight; i++) {
		pump.jobs[i] = (struct job){
			.run = nothing,
			.done = on_done,
			.worker = (unsigned int)(i % workers),
		};
		if (pump.started < pump.warm + pump.count)
			start_one(&pump.jobs[i]);
	}
}

static void measure(const struct carrier *carrier)
{
	pump.carrier = carrier;
	pump.started = pump.done = 0;
	carrier->carry((unsigned int)perf_get("workers"));
	perf_print_rate("jobs", carrier->system, pump.count, &pump.start, &pump.end);
}

void raw_work_jobs(void)
{
	pump.in_flight = (uint64_t)perf_get("inflight");
	pump.count = (uint64_t)perf_get("count");
	pump.warm = pump.count / 10 + 1;
	pump.jobs = perf_alloc(pump.in_flight, sizeof(*pump.jobs));
	measure(&raw_carrier_futex);
	if (raw_count_cpus() > perf_get("workers"))
		measure(&raw_carrier_spin);
	measure(&raw_carrier_message);
	free(pump.jobs);
}
