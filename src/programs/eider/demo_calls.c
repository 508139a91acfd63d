/*
 * demo_calls.c - functions that block
 *
 * Two ways to run eight functions that take a second each. Regular ones are
 * independent of each other: they go to workers, all at once. Those of a
 * transaction context share what its thread owns: they go there, one by one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "demo.h"

enum {
	CALLS = 8,
};

struct work {
	long number;
	int64_t ns;
	char thread[32];
};

/* What somebody's old library may do: nothing else runs on this thread now. */
static void block(int64_t ns)
{
	struct timespec ts = { ns / SECOND, ns % SECOND };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static void init_works(struct work *works, int64_t ns, long first)
{
	memset(works, 0, CALLS * sizeof(*works));
	for (long i = 0; i < CALLS; i++) {
		works[i].number = first + i;
		works[i].ns = ns;
	}
}

/* Jobs of one second are no news here. */
static const struct eider_options options = {
	.size = sizeof(options),
	.slow_job_ns = 10 * SECOND,
};

struct part {
	const struct demo *demo;
	bool held;
};

static bool run_part(const struct demo *demo, eider_fn *fn)
{
	struct part part = { .demo = demo };
	long err = eider_run(fn, &part, &options);

	if (err < 0)
		demo_check(false, "eider_run: %s", eider_strerror((int)err));
	return err >= 0 && part.held;
}

/* --- at once --------------------------------------------------------------- */

static long square(void *arg)
{
	struct work *w = arg;

	block(w->ns);
	return w->number * w->number;
}

static bool check_squares(struct eider_job *jobs)
{
	bool right = true;

	printf("  results:");
	for (long i = 0; i < CALLS; i++) {
		long result = eider_result(&jobs[i].future);

		printf(" %ld", result);
		right &= result == i * i;
	}
	printf("\n");
	return right;
}

static long call_at_once(void *arg)
{
	struct part *part = arg;
	int64_t ns = demo_second(part->demo), begin = eider_now(), took;
	struct eider_job jobs[CALLS];
	struct work works[CALLS];
	long n;

	init_works(works, ns, 0);
	n = eider_submit_all(jobs, CALLS, square, works, sizeof(works[0]));
	if (n < 0)
		return n;
	eider_await_jobs(jobs, (size_t)n);
	took = eider_now() - begin;
	part->held = n == CALLS && check_squares(jobs);
	demo_check(part->held, "the squares of 0 to 7");
	/* Generous: this may be a busy machine. */
	part->held &= demo_check(took >= ns && took < 4 * ns + SECOND / 10,
				 "in %.3f s, where one call takes %.2f s",
				 (double)took / SECOND, (double)ns / SECOND);
	return 0;
}

bool demo_calls(const struct demo *demo)
{
	printf("(a) Eight blocking calls at once, on workers\n");
	return run_part(demo, call_at_once);
}

/* --- one by one ------------------------------------------------------------ */

static long note_thread(void *arg)
{
	struct work *w = arg;
	struct eider_thread *thread = eider_thread_self();

	block(w->ns);
	snprintf(w->thread, sizeof(w->thread), "%s",
		 thread ? eider_thread_name(thread) : "none");
	return w->number;
}

static bool check_works(struct work *works, const long *results)
{
	bool right = true;

	for (long i = 0; i < CALLS; i++) {
		printf("  result %ld on thread %s\n", results[i], works[i].thread);
		right &= results[i] == i + 1 && strcmp(works[i].thread, "none") &&
			 !strcmp(works[i].thread, works[0].thread);
	}
	return right;
}

static long call_in_order(void *arg)
{
	struct part *part = arg;
	int64_t ns = demo_second(part->demo), begin = eider_now(), took;
	struct work works[CALLS];
	long results[CALLS];
	int err = 0;

	init_works(works, ns, 1);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		for (int i = 0; i < CALLS; i++)
			results[i] = eider_call(note_thread, &works[i]);
	}
	if (err < 0)
		return err;
	took = eider_now() - begin;
	part->held = demo_check(check_works(works, results),
				"1 to 8, in order, on one thread");
	part->held &= demo_check(took >= CALLS * ns,
				 "in %.3f s, where one call takes %.2f s",
				 (double)took / SECOND, (double)ns / SECOND);
	return 0;
}

bool demo_transaction(const struct demo *demo)
{
	printf("\n(b) Eight blocking calls in one transaction context\n");
	return run_part(demo, call_in_order);
}
