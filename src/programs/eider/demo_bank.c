/*
 * demo_bank.c - a thousand fibers that move money
 *
 * Each transfer is a fiber, and a transaction of four statements that it waits for
 * one after another. There are far fewer connections than fibers: the others wait
 * their turn. One more fiber does nothing but to wake up regularly and see how late
 * that is: the loop is never held up by the database.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bank.h"
#include "demo.h"

enum {
	BEAT_MS = 20,
	BEATS_PER_LINE = 10,
};

struct run {
	const struct demo *demo;
	unsigned int done;		/* transfers */
	unsigned int too_poor, changed_mind, failed;
	long first_error;
	bool over;
	int64_t worst_ns;		/* lateness of the heartbeat */
	unsigned int beats;
	bool held;
};

/* One of them; everything here is on the loop's thread, so counting is easy. */
struct mover {
	struct run *run;
	struct transfer transfer;
	struct eider_fiber *fiber;
};

static long move(void *arg)
{
	struct mover *m = arg;
	struct run *run = m->run;
	long result = bank_transfer(&m->transfer);

	run->done++;
	if (result == BANK_TOO_POOR) {
		run->too_poor++;
	} else if (result == BANK_CHANGED_MIND) {
		run->changed_mind++;
	} else if (result < 0) {
		run->first_error = run->failed++ ? run->first_error : result;
	}
	return result;
}

static long beat(void *arg)
{
	struct run *run = arg;

	while (!run->over) {
		int64_t due = eider_after(BEAT_MS * MS), late;

		if (eider_sleep_until(due) < 0)
			break;
		late = eider_now() - due;
		if (late > run->worst_ns)
			run->worst_ns = late;
		if (!(++run->beats % BEATS_PER_LINE))
			printf("  heartbeat: %u of %u done, at worst %.1f ms late\n",
			       run->done, run->demo->transfers,
			       (double)run->worst_ns / MS);
	}
	return 0;
}

static long move_all(struct run *run)
{
	unsigned int n = run->demo->transfers, started;
	struct mover *movers = calloc(n, sizeof(*movers));
	int err = 0;

	if (!movers)
		return -1;
	for (started = 0; started < n && !err; started++) {
		movers[started].run = run;
		bank_invent(&movers[started].transfer, started, 0);
		err = eider_spawn(move, &movers[started], &movers[started].fiber);
		if (err < 0)
			break;
	}
	for (unsigned int i = 0; i < started; i++)
		eider_join(movers[i].fiber);
	free(movers);
	return err;
}

static void report(const struct run *run, const struct eider_db_counts *n, double s)
{
	printf("  %u transfers of 4 statements in %.2f s, %.0f a second\n",
	       run->done, s, run->done / s);
	printf("  %llu committed, %u rolled back on purpose, %u for lack of funds\n",
	       (unsigned long long)n->committed, run->changed_mind, run->too_poor);
	printf("  %llu retried after a conflict; %u transaction threads were used\n",
	       (unsigned long long)n->retried, n->connections_peak);
	printf("  heartbeat every %d ms: %u, at worst %.1f ms late\n", BEAT_MS,
	       run->beats, (double)run->worst_ns / MS);
}

static bool check_run(const struct run *run, const struct bank_books *books,
		      const struct eider_db_counts *n)
{
	unsigned int rolled_back = run->too_poor + run->changed_mind;
	bool held;

	held = demo_check(!run->failed, "%u ended in an error%s%s", run->failed,
			  run->failed ? ", the first: " : "",
			  run->failed ? eider_strerror((int)run->first_error) : "");
	held &= demo_check(n->committed + n->rolled_back == run->done &&
				   n->rolled_back == rolled_back,
			   "each was committed or rolled back, once");
	held &= demo_check(books->total == BANK_TOTAL,
			   "the total is %ld, as it was", books->total);
	held &= demo_check((uint64_t)books->transfers == n->committed,
			   "%ld transfers are recorded", books->transfers);
	held &= demo_check(!books->wrong && !books->damaged,
			   "every balance is what the transfers make it");
	return held;
}

static void subtract(struct eider_db_counts *n, const struct eider_db_counts *before)
{
	n->committed -= before->committed;
	n->rolled_back -= before->rolled_back;
	n->retried -= before->retried;
}

static long run_bank(void *arg)
{
	struct run *run = arg;
	struct eider_db_counts before, counts;
	struct eider_fiber *heart;
	struct bank_books books;
	long err = bank_found();
	int64_t begin;

	if (err < 0)
		return err;
	bank_count(&before);
	err = eider_spawn(beat, run, &heart);
	if (err < 0)
		return err;
	begin = eider_now();
	err = move_all(run);
	begin = eider_now() - begin;
	run->over = true;
	eider_join(heart);
	bank_count(&counts);
	subtract(&counts, &before);
	if (err >= 0)
		err = bank_audit(&books);
	if (err < 0)
		return err;
	report(run, &counts, (double)begin / SECOND);
	run->held = check_run(run, &books, &counts);
	return 0;
}

bool demo_bank(const struct demo *demo)
{
	struct run run = { .demo = demo };
	long err;

	printf("\n(c) %u fibers move money between %d accounts, in transactions\n",
	       demo->transfers, BANK_ACCOUNTS);
	err = bank_run(demo->path, demo->connections, run_bank, &run);
	if (err < 0)
		demo_check(false, "%s: %s", demo->path, eider_strerror((int)err));
	return err >= 0 && run.held;
}
