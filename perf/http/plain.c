/*
 * plain.c - the ledger's transfers, without HTTP and without Eider
 *
 *	ledger_plain fill URL ACCOUNTS TRANSFERS
 *	ledger_plain run URL THREADS SECONDS ACCOUNTS SYSTEM PARAMETER
 *
 * fill puts ACCOUNTS accounts and TRANSFERS transfers into a database whose tables the
 * ledger has made, in one transaction. run is what the ledger is compared with: THREADS
 * threads, each with a connection of its own, do transfers between random accounts as
 * fast as they can, in the same statements and transactions. A conflict is rolled back
 * and tried again at once.
 *
 * Who writes a program by hand cannot do the same with less; what the ledger adds is a
 * request, its parsing, the way to the transaction's thread and back, and the answer.
 *
 * run prints transfers, transfers_cpu (of this process: on SQLite that is all there is)
 * and transfers_again, attempts that were conflicts, in a thousand transfers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/measure.h"
#include "plain.h"

#define OPENED_WITH INT64_C(1000000000)

struct work {
	const struct plain_engine *engine;
	const char *url;
	int64_t accounts;
	pthread_barrier_t barrier;
	int64_t end;
};

struct worker {
	struct work *work;
	unsigned int number;
	pthread_t thread;
	uint64_t done, again;
};

/* --- one transfer ------------------------------------------------------------ */

static int64_t below(unsigned int *seed, int64_t n)
{
	return rand_r(seed) % n;
}

static struct transfer random_transfer(unsigned int *seed, int64_t accounts,
				       unsigned int worker, uint64_t number)
{
	struct transfer t = { .amount = 1 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	t.created_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	t.from = 1 + below(seed, accounts);
	t.to = 1 + below(seed, accounts - 1);
	if (t.to >= t.from)
		t.to++;
	snprintf(t.key, sizeof(t.key), "plain-%u-%llu", worker,
		 (unsigned long long)number);
	return t;
}

static long expect_row(long rows, const char *what)
{
	if (rows == 0) {
		fprintf(stderr, "ledger_plain: %s found no row\n", what);
		exit(1);
	}
	return rows;
}

/* The body of a transaction: 1, or -EAGAIN. The order is store_transfer.c's. */
static long move_money(const struct plain_engine *engine, void *c,
		       const struct transfer *t)
{
	const struct value take[] = { { .number = t->amount }, { .number = t->from } };
	const struct value give[] = { { .number = t->amount }, { .number = t->to } };
	const struct value add[] = {
		{ .text = t->key }, { .number = t->from }, { .number = t->to },
		{ .number = t->amount }, { .number = t->created_ms },
	};
	bool up = t->from < t->to;
	long n = up ? engine->run(c, TAKE_MONEY, take) :
		      engine->run(c, GIVE_MONEY, give);

	if (expect_row(n, "the first account") > 0)
		n = up ? engine->run(c, GIVE_MONEY, give) :
			 engine->run(c, TAKE_MONEY, take);
	if (expect_row(n, "the second account") > 0)
		n = engine->run(c, ADD_TRANSFER, add);
	return expect_row(n, "the transfer");
}

static long transfer(const struct plain_engine *engine, void *c,
		     const struct transfer *t)
{
	long err = engine->execute(c, engine->begin);

	if (err < 0)
		return err;
	err = move_money(engine, c, t);
	if (err >= 0)
		err = engine->execute(c, "COMMIT");
	if (err < 0)
		perf_check(engine->execute(c, "ROLLBACK"), "ROLLBACK");
	return err;
}

/* --- run --------------------------------------------------------------------- */

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct work *work = w->work;
	void *c = work->engine->open(work->url);
	unsigned int seed = w->number + 1;

	pthread_barrier_wait(&work->barrier);
	pthread_barrier_wait(&work->barrier);
	while (perf_clock() < work->end) {
		struct transfer t = random_transfer(&seed, work->accounts, w->number,
						    w->done);

		while (transfer(work->engine, c, &t) < 0)
			w->again++;
		w->done++;
	}
	work->engine->close(c);
	return NULL;
}

static void run(struct work *work, unsigned int threads, long seconds,
		const char *system, const char *parameter)
{
	struct worker *workers = perf_alloc(threads, sizeof(*workers));
	struct perf_moment before, after;
	double done = 0, again = 0;

	pthread_barrier_init(&work->barrier, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .work = work, .number = i };
		perf_check(-pthread_create(&workers[i].thread, NULL, run_worker,
					   &workers[i]), "pthread_create");
	}
	pthread_barrier_wait(&work->barrier);
	perf_now(&before);
	work->end = before.wall_ns + seconds * 1000000000;
	pthread_barrier_wait(&work->barrier);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		done += (double)workers[i].done;
		again += (double)workers[i].again;
	}
	perf_now(&after);
	free(workers);
	perf_set_parameter(parameter);
	perf_print("transfers", system,
		   done * 1e9 / (double)(after.wall_ns - before.wall_ns), "1/s");
	perf_print("transfers_cpu", system,
		   (double)(after.cpu_ns - before.cpu_ns) / 1000 / done, "us");
	perf_print("transfers_again", system, again * 1000 / done,
		   "in_1000");
}

/* --- fill -------------------------------------------------------------------- */

static void fill(const struct work *work, long transfers)
{
	const struct plain_engine *engine = work->engine;
	void *c = engine->open(work->url);
	unsigned int seed = 1;
	char owner[32];

	perf_check(engine->execute(c, engine->begin), "BEGIN");
	for (int64_t i = 1; i <= work->accounts; i++) {
		struct value values[] = {
			{ .text = owner }, { .number = OPENED_WITH },
		};

		snprintf(owner, sizeof(owner), "owner %lld", (long long)i);
		perf_check(engine->run(c, OPEN_ACCOUNT, values), "OPEN_ACCOUNT");
	}
	for (long i = 0; i < transfers; i++) {
		struct transfer t = random_transfer(&seed, work->accounts, 1000000,
						    (uint64_t)i);

		perf_check(move_money(engine, c, &t), "a transfer");
	}
	perf_check(engine->execute(c, "COMMIT"), "COMMIT");
	engine->close(c);
}

static const struct plain_engine *find_engine(const char *url)
{
	const struct engine *engine = engine_for(url);

	if (engine == plain_sqlite.engine)
		return &plain_sqlite;
	if (engine == plain_postgres.engine)
		return &plain_postgres;
	fprintf(stderr, "ledger_plain: no engine for '%s'\n", url);
	exit(2);
}

int main(int argc, char **argv)
{
	struct work work = { 0 };

	if (argc == 5 && !strcmp(argv[1], "fill")) {
		work.url = argv[2];
		work.engine = find_engine(work.url);
		work.accounts = perf_arg(argc, argv, 3, 0);
		fill(&work, strtol(argv[4], NULL, 10));
		return 0;
	}
	if (argc != 8 || strcmp(argv[1], "run")) {
		fprintf(stderr,
			"usage: ledger_plain fill URL ACCOUNTS TRANSFERS\n"
			"       ledger_plain run URL THREADS SECONDS ACCOUNTS SYSTEM "
			"PARAMETER\n");
		return 2;
	}
	work.url = argv[2];
	work.engine = find_engine(work.url);
	work.accounts = perf_arg(argc, argv, 5, 0);
	run(&work, (unsigned int)perf_arg(argc, argv, 3, 0), perf_arg(argc, argv, 4, 0),
	    argv[6], argv[7]);
	return 0;
}
