/*
 * contexts.c - transaction contexts: contexts, lease, leases
 *
 * contexts: serial contexts with a thread for each, which is what a context is here.
 * One fiber is in each of them, keeps its share of the jobs in flight, and awaits them
 * in turn: they end in the order in which they were started, so that it sleeps only
 * when all of those that came together are dealt with. Of the ways there are (a fiber
 * for each job in flight, eider_txn_pool_submit() or eider_thread_submit() with
 * callbacks) this is the fastest: jobs of a fiber go to their thread in batches, those
 * that are submitted to a thread one at a time.
 *
 * lease: to enter and to leave a context whose thread is there and that nobody else
 * wants, set against an empty eider_call() outside of it. Blocks of both in turn, so
 * that what else the machine does meets both alike.
 *
 * leases: many fibers want few threads. Each enters, calls once, leaves; most of the
 * time it waits in line.
 */
#include <stdlib.h>

#include "pump.h"

/* Enter a context of the default pool, or end the program. */
static void enter(struct eider_txn *txn)
{
	perf_check(eider_txn_enter(txn, NULL, EIDER_NEVER), "eider_txn_enter");
}

/* ---- contexts ---- */

struct context {
	struct pump *pump;		/* of all of them */
	struct eider_job *jobs;
	unsigned int in_flight;		/* at most */
};

static bool start_another(struct context *c, struct eider_job *job)
{
	if (!pump_wants_more(c->pump))
		return false;
	perf_check(eider_submit(job, bench_nothing, NULL), "eider_submit");
	return true;
}

static long run_context(void *arg)
{
	struct context *c = arg;
	unsigned int left = 0, i = 0;
	struct eider_txn txn;

	enter(&txn);
	while (left < c->in_flight && start_another(c, &c->jobs[left]))
		left++;
	while (left) {
		perf_check(eider_await(&c->jobs[i].future), "a job");
		pump_count(c->pump);
		left -= !start_another(c, &c->jobs[i]);
		i = i + 1 < c->in_flight ? i + 1 : 0;
	}
	eider_txn_leave(&txn);
	return 0;
}

void bench_contexts(void)
{
	unsigned int n = bench_bound("contexts");
	unsigned int share = bench_bound("inflight") / n;
	struct pump pump = { .count = (uint64_t)perf_get("count") };
	struct eider_options options = {
		.size = sizeof(options),
		.txn_threads_max = n,
	};
	struct context *contexts = perf_alloc(n, sizeof(*contexts));
	struct bench b;

	pump_init(&pump);
	bench_open(&b, &options);
	for (unsigned int i = 0; i < n; i++) {
		struct context *c = &contexts[i];

		c->pump = &pump;
		c->in_flight = share ? share : 1;
		c->jobs = perf_alloc(c->in_flight, sizeof(*c->jobs));
		perf_check(eider_go(run_context, c), "eider_go");
	}
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	bench_close(&b);
	for (unsigned int i = 0; i < n; i++)
		free(contexts[i].jobs);
	free(contexts);
	perf_print_rate("contexts", "eider", pump.count, &pump.start, &pump.end);
}

/* ---- one lease after another ---- */

enum {
	BLOCK = 1000,
};

struct lease {
	long blocks;
	int64_t lease_ns, call_ns;	/* of all blocks */
};

static void lease_and_call(int64_t *lease_ns, int64_t *call_ns)
{
	int64_t begin = perf_clock(), between;
	struct eider_txn txn;

	for (int i = 0; i < BLOCK; i++) {
		enter(&txn);
		eider_txn_leave(&txn);
	}
	between = perf_clock();
	for (int i = 0; i < BLOCK; i++)
		perf_check(eider_call(bench_nothing, NULL), "eider_call");
	*lease_ns += between - begin;
	*call_ns += perf_clock() - between;
}

static long run_lease(void *arg)
{
	struct lease *l = arg;
	int64_t warm = 0;

	for (long i = 0; i < l->blocks / 10 + 1; i++)
		lease_and_call(&warm, &warm);
	for (long i = 0; i < l->blocks; i++)
		lease_and_call(&l->lease_ns, &l->call_ns);
	return 0;
}

void bench_lease(void)
{
	struct lease lease = { .blocks = (perf_get("count") + BLOCK - 1) / BLOCK };
	double n = (double)lease.blocks * BLOCK;
	struct bench b;

	bench_open(&b, NULL);
	bench_run_fiber(&b, run_lease, &lease);
	bench_close(&b);
	perf_print("lease", "eider", (double)lease.lease_ns / n, "ns");
	perf_print("lease_call", "eider", (double)lease.call_ns / n, "ns");
	perf_print("lease_ratio", "eider",
		   (double)lease.lease_ns / (double)lease.call_ns, "x");
}

/* ---- many contexts, few threads ---- */

static long run_leases(void *arg)
{
	struct pump *p = arg;

	while (pump_wants_more(p)) {
		struct eider_txn txn;

		enter(&txn);
		perf_check(eider_call(bench_nothing, NULL), "eider_call");
		eider_txn_leave(&txn);
		pump_count(p);
	}
	return 0;
}

void bench_leases(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.txn_threads_max = bench_bound("threads"),
	};
	struct pump pump = { .count = (uint64_t)perf_get("count") };
	unsigned int n = bench_bound("contexts");
	struct bench b;
	double count = (double)pump.count;

	pump_init(&pump);
	bench_open(&b, &options);
	for (unsigned int i = 0; i < n; i++)
		perf_check(eider_go(run_leases, &pump), "eider_go");
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	bench_close(&b);
	perf_print("leases", "eider",
		   count * 1e9 / (double)(pump.end.wall_ns - pump.start.wall_ns),
		   "leases/s");
	perf_print("leases_cpu", "eider",
		   (double)(pump.end.cpu_ns - pump.start.cpu_ns) / count,
		   "ns/lease");
}
