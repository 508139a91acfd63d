/*
 * bench_each.c - the ways in which a result can reach the loop
 *
 *	bench_each [COUNT]
 *
 * The jobs of bench_jobs.c, 1024 in flight and one worker, once for each doorbell
 * and delivery. "eider" is the list, what Eider does; "each" is the plain form,
 * a message for every result, that it is compared with. With 1024 in flight the
 * loop hardly sleeps, so the list hardly rings: how its figures differ between
 * doorbells is noise, how they differ from "each" is the point.
 *
 * A doorbell that the kernel has not is left out.
 */
#include <errno.h>

#include "pump.h"

static void measure(enum eider_doorbell doorbell, enum eider_delivery delivery,
		    uint64_t count)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = 1,
		.doorbell = doorbell,
		.delivery = delivery,
	};
	struct pump pump = { .in_flight = 1024, .count = count };
	bool is_list = delivery == EIDER_DELIVERY_LIST;
	const char *system = is_list ? "eider" : "each";
	const char *parameter = eider_doorbell_name(doorbell);
	struct eider_executor *executor;
	struct eider_loop *loop;
	int err;

	err = eider_executor_new(&options, &executor);
	if (err == -EOPNOTSUPP)
		return;
	perf_check(err, "eider_executor_new");
	perf_check(eider_loop_new(executor, &options, &loop), "eider_loop_new");
	pump_run(&pump, loop);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);
	perf_print("each", system, parameter, pump_jobs_per_second(&pump), "jobs/s");
	perf_print("each_cpu", system, parameter, pump_cpu_per_job(&pump), "ns/job");
}

int main(int argc, char **argv)
{
	static const enum eider_doorbell doorbells[] = {
		EIDER_DOORBELL_SYNC,
		EIDER_DOORBELL_RING,
		EIDER_DOORBELL_EVENTFD,
	};
	uint64_t count = (uint64_t)perf_arg(argc, argv, 1, 1000000);

	for (size_t i = 0; i < sizeof(doorbells) / sizeof(*doorbells); i++) {
		measure(doorbells[i], EIDER_DELIVERY_LIST, count);
		measure(doorbells[i], EIDER_DELIVERY_EACH, count);
	}
	return 0;
}
