/*
 * bench_jobs.c - how many jobs a second, at what price
 *
 *	bench_jobs [WORKERS [COUNT [IN_FLIGHT]]]
 *
 * One loop keeps IN_FLIGHT empty jobs with the workers: each job's callback starts
 * the job again. There is always work, so what is measured is the path itself,
 * hand-over, queue, completion and callback, and hardly ever a wake-up.
 *
 * Prints jobs a second, and the CPU time of the whole process, all threads, a job.
 * The first tenth of the jobs, which starts the threads, is not counted.
 *
 * The peer is bench_uv_jobs.c; pump.c has the part that corresponds.
 */
#include <stdio.h>

#include "pump.h"

int main(int argc, char **argv)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = (unsigned int)perf_arg(argc, argv, 1, 1),
	};
	struct pump pump = {
		.count = (uint64_t)perf_arg(argc, argv, 2, 5000000),
		.in_flight = (unsigned int)perf_arg(argc, argv, 3, 1024),
	};
	struct eider_executor *executor;
	struct eider_loop *loop;
	char parameter[64];

	perf_check(eider_executor_new(&options, &executor), "eider_executor_new");
	perf_check(eider_loop_new(executor, &options, &loop), "eider_loop_new");
	pump_run(&pump, loop);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);

	snprintf(parameter, sizeof(parameter), "workers=%u,inflight=%u",
		 options.workers_max, pump.in_flight);
	perf_print("jobs", "eider", parameter, pump_jobs_per_second(&pump),
		   "jobs/s");
	perf_print("jobs_cpu", "eider", parameter, pump_cpu_per_job(&pump),
		   "ns/job");
	return 0;
}
