/*
 * each.c - the ways in which a result can reach the loop
 *
 * The empty jobs of jobs.c, 1024 in flight and one worker.
 *
 *	doorbell=1	sync: IORING_REGISTER_SEND_MSG_RING
 *	doorbell=2	ring: IORING_OP_MSG_RING, from the thread's own ring
 *	doorbell=3	eventfd
 *	each=1		"eider": a list, and the doorbell for a loop that sleeps; what
 *			Eider does
 *	each=2		"eider-each": a message for every result, the plain form that
 *			it is compared with
 *
 * All of them if a key is not given. The parameter names the doorbell.
 *
 * With 1024 in flight the loop hardly sleeps, so the list hardly rings: how its figures
 * differ between doorbells is noise, how they differ from a message each is the point.
 *
 * A doorbell that the kernel has not is left out, with a word.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pump.h"

static void measure(enum eider_doorbell doorbell, enum eider_delivery delivery)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = 1,
		.doorbell = doorbell,
		.delivery = delivery,
	};
	struct pump pump = {
		.in_flight = 1024,
		.count = (uint64_t)perf_get("count"),
	};
	const char *system = delivery == EIDER_DELIVERY_LIST ? "eider" : "eider-each";
	const char *name = eider_doorbell_name(doorbell);
	char parameter[64];
	struct bench b;
	int err;

	err = eider_executor_new(&options, &b.executor);
	if (err == -EOPNOTSUPP) {
		fprintf(stderr, "this kernel has no doorbell %s\n", name);
		return;
	}
	perf_check(err, "eider_executor_new");
	perf_check(eider_loop_new(b.executor, &options, &b.loop), "eider_loop_new");
	pump_run(&pump, b.loop);
	bench_close(&b);
	snprintf(parameter, sizeof(parameter), "doorbell=%s", name);
	perf_set_parameter(parameter);
	perf_print_rate("each", system, pump.count, &pump.start, &pump.end);
}

/* The value of @key, 0 for all. */
static long choice(const char *key, long max)
{
	long n = perf_get(key);

	if (n <= max)
		return n;
	fprintf(stderr, "there is no %s=%ld\n", key, n);
	exit(2);
}

void bench_each(void)
{
	long doorbell = choice("doorbell", EIDER_DOORBELL_EVENTFD);
	long delivery = choice("each", EIDER_DELIVERY_EACH);

	for (long i = EIDER_DOORBELL_SYNC; i <= EIDER_DOORBELL_EVENTFD; i++)
		for (long j = EIDER_DELIVERY_LIST; j <= EIDER_DELIVERY_EACH; j++)
			if ((!doorbell || doorbell == i) &&
			    (!delivery || delivery == j))
				measure((enum eider_doorbell)i,
					(enum eider_delivery)j);
}
