/*
 * test_observe.c - being told while it happens
 *
 * Whatever is to be reported goes on until the handler was called: if the report
 * came only afterwards, or not at all, the test would wait for it in vain.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures.h"

enum { NOTES_MAX = 64 };

/* A copy of a warning: its strings are gone when the handler returns. */
struct note {
	struct eider_warning warning;
	char name[32], thread[32];
};

/* Of one kind; the others are not counted. */
struct notebook {
	enum eider_warning_kind kind;
	unsigned int count;		/* notes that can be read */
	unsigned int suppressed;	/* the sum of what all kinds said */
	struct note notes[NOTES_MAX];
};

static void take_note(const struct eider_warning *w, void *arg)
{
	struct notebook *book = arg;
	struct note *note = &book->notes[book->count % NOTES_MAX];

	harness_add(&book->suppressed, w->suppressed);
	if (w->kind != book->kind)
		return;
	note->warning = *w;
	snprintf(note->name, sizeof(note->name), "%s", w->name ? w->name : "-");
	snprintf(note->thread, sizeof(note->thread), "%s",
		 w->thread ? w->thread : "-");
	harness_add(&book->count, 1);
}

/* Note what happens on the loop of this fiber. */
static void open_notebook(struct notebook *book, enum eider_warning_kind kind)
{
	memset(book, 0, sizeof(*book));
	book->kind = kind;
	eider_on_warning(executor_here(), take_note, book);
}

/* A job that ends when so many notes were taken. */
struct until {
	struct notebook *book;
	unsigned int notes;
	unsigned int inside;
	uint64_t context;
};

static long run_until_noted(void *arg)
{
	struct until *u = arg;

	u->context = eider_txn_id();
	harness_add(&u->inside, 1);
	while (harness_get(&u->book->count) < harness_get(&u->notes))
		harness_nap(200 * HARNESS_US);
	return 0;
}

static long run_atomic_until_noted(void *arg)
{
	return run_until_noted(arg);
}
EIDER_ATOMIC(run_atomic_until_noted)

static const int64_t limit = 20 * HARNESS_MS;

static const struct eider_options limits = {
	.size = sizeof(struct eider_options), .workers_max = 1,
	.slow_job_ns = 20 * HARNESS_MS, .loop_stall_ns = 20 * HARNESS_MS,
};

/* ---- slow jobs ---- */

HARNESS_FIBER_TEST_WITH(a_slow_job_is_reported_while_it_runs, &limits)
{
	struct notebook book;
	struct until until = { &book, 1, 0, 0 }, longer = { &book, 2, 0, 0 };
	const struct note *note = &book.notes[0];
	struct eider_job job;

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_call(run_until_noted, &until), 0);
	ck_assert_ptr_null(note->warning.name);
	ck_assert(note->warning.fn == run_until_noted);
	ck_assert_str_eq(note->thread, "worker-1");
	ck_assert_uint_eq(note->warning.context, 0);
	ck_assert_int_ge(note->warning.age_ns, limit);
	ck_assert_int_lt(note->warning.age_ns, 60 * HARNESS_S);
	ck_assert_uint_eq(note->warning.waiting, 0);
	ck_assert_uint_eq(note->warning.suppressed, 0);
	ck_assert_ptr_null(note->warning.detail);

	/* The first note may still be of the job before. */
	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	eider_job_init(&job, run_until_noted, &longer);
	job.name = "import";
	ck_assert_int_eq(eider_job_start(&job), 0);
	ck_assert_int_eq(eider_await(&job.future), 0);
	ck_assert_str_eq(note[1].name, "import");
	ck_assert(note[1].warning.fn == run_until_noted);
	return 0;
}

/* A declaration gives a function its name in reports. */
HARNESS_FIBER_TEST_WITH(an_atomic_one_has_a_name, &limits)
{
	struct notebook book;
	struct until until = { &book, 1, 0, 0 };
	const struct note *note = &book.notes[0];

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_call(run_atomic_until_noted, &until), 0);
	ck_assert(note->warning.fn == run_atomic_until_noted);
	ck_assert_str_eq(note->name, "run_atomic_until_noted");
	ck_assert_str_eq(note->thread, "txn-1");
	ck_assert_uint_eq(note->warning.context, 0);
	return 0;
}

HARNESS_FIBER_TEST_WITH(the_context_is_told, &limits)
{
	struct notebook book;
	struct until until = { &book, 1, 0, 0 };
	const struct note *note = &book.notes[0];
	uint64_t id = 0;
	int err;

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		id = eider_txn_id();
		ck_assert_int_eq(eider_call(run_until_noted, &until), 0);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_ne(id, 0);
	ck_assert_uint_eq(note->warning.context, id);
	ck_assert_uint_eq(until.context, id);
	ck_assert_str_eq(note->thread, "txn-1");
	return 0;
}

/* Behind it, in the queue. */
HARNESS_FIBER_TEST_WITH(who_waits_behind_it_is_counted, &limits)
{
	struct notebook book;
	struct until until = { &book, UINT_MAX, 0, 0 };
	struct eider_job job, jobs[5];

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_submit(&job, run_until_noted, &until), 0);
	ck_assert(harness_wait_count(&book.count, 1));
	ck_assert_int_eq(eider_submit_all(jobs, 5, nothing, NULL, 0), 5);
	eider_yield();
	eider_yield();
	/* One report may be under way that did not see them. */
	harness_set(&until.notes, harness_get(&book.count) + 2);
	ck_assert_int_eq(eider_await(&job.future), 0);
	ck_assert_int_eq(eider_await_jobs(jobs, 5), 0);
	ck_assert_uint_eq(book.notes[0].warning.waiting, 0);
	ck_assert_uint_eq(book.notes[(until.notes - 1) % NOTES_MAX].warning.waiting, 5);
	return 0;
}

/* The worker took them together with the slow one: they wait all the same. */
HARNESS_FIBER_TEST_WITH(who_waits_in_a_batch_is_counted, &limits)
{
	struct notebook book, other;
	struct until before = { &other, 1, 0, 0 };
	struct until until = { &book, UINT_MAX, 0, 0 };
	struct eider_job first, job, jobs[20];

	memset(&other, 0, sizeof(other));
	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_submit(&first, run_until_noted, &before), 0);
	ck_assert(harness_wait_count(&before.inside, 1));
	ck_assert_int_eq(eider_submit(&job, run_until_noted, &until), 0);
	ck_assert_int_eq(eider_submit_all(jobs, 20, nothing, NULL, 0), 20);
	eider_yield();
	eider_yield();
	harness_set(&other.count, 1);
	/* Whatever was said of the first: of the second at least two reports more. */
	ck_assert(harness_wait_count(&until.inside, 1));
	harness_set(&until.notes, harness_get(&book.count) + 2);
	ck_assert_int_eq(eider_await(&job.future), 0);
	ck_assert_int_eq(eider_await(&first.future), 0);
	ck_assert_int_eq(eider_await_jobs(jobs, 20), 0);
	ck_assert_uint_eq(book.notes[(until.notes - 1) % NOTES_MAX].warning.waiting,
			  20);
	return 0;
}

HARNESS_FIBER_TEST_WITH(reported_again_at_twice_the_age, &limits)
{
	struct notebook book;
	struct until until = { &book, 4, 0, 0 };
	int64_t begin = eider_now(), took;

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_call(run_until_noted, &until), 0);
	took = eider_now() - begin;
	for (int i = 0; i < 4; i++) {
		int64_t age = book.notes[i].warning.age_ns;

		ck_assert_int_ge(age, limit << i);
		ck_assert_int_le(age, took + limit);
	}
	return 0;
}

/* ---- stalled loops ---- */

static void stall_until_noted(struct notebook *book, unsigned int notes)
{
	int64_t patience = eider_after((int64_t)(20 * HARNESS_S * harness_slow()));

	while (harness_get(&book->count) < notes && eider_now() < patience)
		harness_spin(100 * HARNESS_US);
	ck_assert_uint_ge(harness_get(&book->count), notes);
}

static long stall(void *arg)
{
	struct notebook book;
	const struct note *note = &book.notes[0];

	(void)arg;
	open_notebook(&book, EIDER_LOOP_STALLED);
	eider_fiber_set_name("glutton");
	stall_until_noted(&book, 3);
	ck_assert_str_eq(note->name, "glutton");
	ck_assert(!strncmp(note->thread, "loop-", 5));
	ck_assert_ptr_null(note->warning.fn);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(note[i].warning.age_ns, limit << i);

	/* After a wait it is another stall; named again, or not any more. */
	eider_yield();
	open_notebook(&book, EIDER_LOOP_STALLED);
	stall_until_noted(&book, 1);
	ck_assert_str_eq(note->name, "glutton");
	eider_fiber_set_name(NULL);
	eider_yield();
	/* The first note may still be of the stall before. */
	open_notebook(&book, EIDER_LOOP_STALLED);
	stall_until_noted(&book, 2);
	ck_assert_ptr_null(note[1].warning.name);
	return 0;
}

START_TEST(a_stalled_loop_is_reported)
{
	harness_in_loop(stall, NULL, &limits);
}
END_TEST

static struct notebook callbacks_book;

static void stall_in_callback(struct eider_future *f)
{
	(void)f;
	stall_until_noted(&callbacks_book, 1);
}

START_TEST(a_callback_can_stall_it)
{
	struct world w = open_world(&limits);
	struct eider_job job;

	callbacks_book.kind = EIDER_LOOP_STALLED;
	eider_on_warning(w.executor, take_note, &callbacks_book);
	ck_assert_int_eq(eider_submit(&job, nothing, NULL), 0);
	ck_assert_int_eq(eider_on_done(&job.future, stall_in_callback), 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_ge(callbacks_book.count, 1);
	ck_assert_ptr_null(callbacks_book.notes[0].warning.name);
	close_world(&w);
}
END_TEST

/* A loop that sleeps, or is merely busy, is not stalled; a quick job not slow. */
static long do_many_things(void *arg)
{
	struct notebook book;
	int64_t end = eider_after(30 * HARNESS_MS);

	(void)arg;
	open_notebook(&book, EIDER_LOOP_STALLED);
	while (eider_now() < end) {
		ck_assert_int_eq(eider_call(nothing, NULL), 0);
		eider_yield();
	}
	eider_sleep_until(eider_after(30 * HARNESS_MS));
	book.kind = EIDER_TASK_TOOK_TOO_LONG;
	end = eider_after(30 * HARNESS_MS);
	while (eider_now() < end)
		ck_assert_int_eq(eider_call(nothing, NULL), 0);
	ck_assert_uint_eq(harness_get(&book.count), 0);
	return 0;
}

START_TEST(many_short_things_are_not_one_long_one)
{
	struct eider_options o = limits;

	/* A limit that no single thing reaches, not even with the CPUs full. */
	o.slow_job_ns = o.loop_stall_ns = (int64_t)(5 * HARNESS_S * harness_slow());
	harness_in_loop(do_many_things, NULL, &o);
}
END_TEST

/* ---- the handler, and how much it is told ---- */

static struct notebook *curious_book;

/* It may ask, and change the handler: no lock is held. */
static void be_curious(const struct eider_warning *w, void *arg)
{
	struct eider_txn_pool_counts txn_counts;
	struct eider_pool_counts counts;
	struct eider_features features;

	eider_pool_count(eider_executor_pool(arg), &counts);
	eider_txn_pool_count(eider_executor_txn_pool(arg), &txn_counts);
	eider_executor_features(arg, &features);
	eider_on_warning(arg, take_note, curious_book);
	take_note(w, curious_book);
}

HARNESS_FIBER_TEST_WITH(handlers_may_ask, &limits)
{
	struct notebook book = { .kind = EIDER_TASK_TOOK_TOO_LONG };
	struct until until = { &book, 2, 0, 0 };

	curious_book = &book;
	eider_on_warning(executor_here(), be_curious, executor_here());
	ck_assert_int_eq(eider_call(run_until_noted, &until), 0);
	return 0;
}

/* As many refusals as are asked for, each a POOL_FULL. */
static void be_refused(unsigned int times)
{
	struct eider_job job;

	while (times--)
		ck_assert_int_eq(eider_submit(&job, nothing, NULL), -EAGAIN);
}

static void wait_for_next_second(void)
{
	int64_t second = eider_now() / HARNESS_S;

	while (eider_now() / HARNESS_S == second)
		harness_nap(5 * HARNESS_MS);
}

/*
 * At most ten a second are made. The refusals take no second, but one may begin
 * meanwhile; none gets lost, in any case.
 */
START_TEST(reports_are_limited)
{
	struct eider_options o = { .size = sizeof(o), .queue_max = 1 };
	struct notebook book = { .kind = EIDER_POOL_FULL };
	struct until until = { &book, 0, 0, 0 };
	struct world w = open_world(&o);
	struct eider_job job;
	int64_t begin;

	eider_on_warning(w.executor, take_note, &book);
	ck_assert_int_eq(eider_submit(&job, run_until_noted, &until), 0);
	begin = eider_now() / HARNESS_S;
	be_refused(1000);
	ck_assert_uint_ge(book.count, 10);
	ck_assert_uint_le(book.count, 10 * (unsigned int)(
				  eider_now() / HARNESS_S - begin + 1));
	wait_for_next_second();
	be_refused(1);
	ck_assert_uint_eq(book.count + book.suppressed, 1001);
	ck_assert_uint_ge(book.notes[(book.count - 1) % NOTES_MAX].warning.suppressed,
			  1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	close_world(&w);
}
END_TEST

/* ---- threads, by name ---- */

struct thread_stat {
	unsigned long switches;		/* both kinds */
	unsigned int threads;
};

static unsigned long switches_of(const char *task)
{
	char path[300], line[200];
	unsigned long sum = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %lu", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

static bool is_called(const char *task, const char *name)
{
	char path[300], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	f = fopen(path, "re");
	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	if (f)
		fclose(f);
	return !strncmp(comm, name, strlen(name));
}

/* Of all threads whose name begins so. */
static struct thread_stat look_at_threads(const char *name)
{
	struct thread_stat stat = { 0, 0 };
	DIR *d = opendir("/proc/self/task");
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || !is_called(entry->d_name, name))
			continue;
		stat.threads++;
		stat.switches += switches_of(entry->d_name);
	}
	if (d)
		closedir(d);
	return stat;
}

/*
 * Nobody turns a loop; a worker waits for work; both watchdogs are parked. One that
 * was not would have woken a hundred times.
 */
static bool nobody_wakes(void *arg)
{
	struct thread_stat watchdogs = look_at_threads("eider-watchdog");
	struct thread_stat worker = look_at_threads("worker-");
	int64_t cpu = harness_cpu();

	(void)arg;
	if (watchdogs.threads != 2 || worker.threads != 1)
		return false;	/* one has not named itself yet */
	harness_nap(500 * HARNESS_MS);
	return look_at_threads("eider-watchdog").switches == watchdogs.switches &&
	       look_at_threads("worker-").switches == worker.switches &&
	       harness_cpu() - cpu < 100 * HARNESS_MS;
}

static struct eider_loop *new_loop(struct eider_executor *e)
{
	struct eider_loop *loop;

	ck_assert_int_eq(eider_loop_new(e, &limits, &loop), 0);
	return loop;
}

static long call_nothing(void *arg)
{
	return eider_call(nothing, arg);
}

static long call_until_noted(void *arg)
{
	return eider_call(run_until_noted, arg);
}

static long stall_fiber(void *arg)
{
	stall_until_noted(arg, 1);
	return 0;
}

START_TEST(idle_it_rests_and_wakes_again)
{
	struct notebook jobs = { .kind = EIDER_TASK_TOOK_TOO_LONG };
	struct notebook stalls = { .kind = EIDER_LOOP_STALLED };
	struct until until = { &jobs, 1, 0, 0 };
	struct eider_executor *a, *b;
	struct eider_loop *loop;

	ck_assert_int_eq(eider_executor_new(&limits, &a), 0);
	ck_assert_int_eq(eider_executor_new(&limits, &b), 0);
	eider_on_warning(a, take_note, &jobs);
	eider_on_warning(b, take_note, &stalls);
	ck_assert_int_eq(eider_loop_free(new_loop(b)), 0);
	loop = new_loop(a);
	ck_assert_int_eq(eider_block_on(loop, call_nothing, NULL), 0);
	/* It takes them a second to believe it. */
	ck_assert(harness_wait_until(nobody_wakes, NULL));
	/* A job that begins now is seen, and a fiber. */
	ck_assert_int_eq(eider_block_on(loop, call_until_noted, &until), 0);
	ck_assert_int_lt(jobs.notes[0].warning.age_ns, 60 * HARNESS_S);
	ck_assert_int_eq(eider_loop_free(loop), 0);
	loop = new_loop(b);
	ck_assert_int_eq(eider_block_on(loop, stall_fiber, &stalls), 0);
	ck_assert_int_eq(eider_loop_free(loop), 0);
	eider_executor_free(a);
	eider_executor_free(b);
}
END_TEST

/* ---- switched off ---- */

static bool watchdogs_are(void *arg)
{
	return look_at_threads("eider-watchdog").threads == *(long *)arg;
}

/* One that there should not be would have its name by then, as a rule. */
static long take_long(void *arg)
{
	harness_nap(100 * HARNESS_MS);
	return harness_wait_until(watchdogs_are, arg) ? 0 : -EIO;
}

static long do_long_things(void *arg)
{
	struct notebook book;

	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	ck_assert_int_eq(eider_call(take_long, arg), 0);
	ck_assert_uint_eq(harness_get(&book.count), 0);
	open_notebook(&book, EIDER_LOOP_STALLED);
	if (!*(long *)arg)
		harness_spin(50 * HARNESS_MS);
	else
		stall_until_noted(&book, 1);
	/* Of a stall that goes on there are more, where the machine is slow. */
	if (*(long *)arg)
		ck_assert_uint_ge(harness_get(&book.count), 1);
	else
		ck_assert_uint_eq(harness_get(&book.count), 0);
	return 0;
}

START_TEST(never_means_no_reports)
{
	struct eider_options o = { .size = sizeof(o), .slow_job_ns = EIDER_NEVER,
				   .loop_stall_ns = EIDER_NEVER };
	long watchdogs = 0;

	harness_in_loop(do_long_things, &watchdogs, &o);
	/* The one without the other. */
	watchdogs = 1;
	o.loop_stall_ns = 100 * HARNESS_MS;
	harness_in_loop(do_long_things, &watchdogs, &o);
}
END_TEST

/* ---- the default handler ---- */

/* A job that ends when something was written to stderr, which is a pipe. */
static long read_line(void *arg)
{
	char line[300];
	ssize_t n = read(*(int *)arg, line, sizeof(line) - 1);

	if (n > 0)
		(void)!write(STDOUT_FILENO, line, (size_t)n);
	return n;
}

static long be_told_on_stderr(void *arg)
{
	struct notebook book;
	struct eider_job job;

	/* A handler, and then none again. */
	open_notebook(&book, EIDER_TASK_TOOK_TOO_LONG);
	eider_on_warning(executor_here(), NULL, NULL);
	eider_job_init(&job, read_line, arg);
	job.name = "reader";
	if (eider_job_start(&job) < 0)
		abort();
	return eider_await(&job.future);
}

static void print_warning(void *arg)
{
	int fds[2];

	(void)arg;
	if (pipe(fds) || dup2(fds[1], STDERR_FILENO) < 0)
		abort();
	if (eider_run(be_told_on_stderr, &fds[0], &limits) <= 0)
		abort();
}

START_TEST(by_default_a_line_on_stderr)
{
	char output[512];
	int status = harness_in_child(print_warning, NULL, output, sizeof(output));
	static const char begin[] =
		"eider: TASK_TOOK_TOO_LONG: reader on worker-1 for ";
	const char *at = output + sizeof(begin) - 1;

	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %x: %s",
		      (unsigned int)status, output);
	ck_assert_msg(!strncmp(output, begin, sizeof(begin) - 1), "'%s'", output);
	/* So many seconds, and three digits of one. */
	at += strspn(at, "0123456789");
	ck_assert_msg(*at == '.' && strspn(at + 1, "0123456789") == 3, "'%s'", output);
	ck_assert_msg(!strncmp(at + 4, " s so far\n", 10), "'%s'", output);
}
END_TEST

static void check_format(const struct eider_warning *w, const char *expected)
{
	int len = (int)strlen(expected);
	char buf[256];

	ck_assert_int_eq(eider_warning_format(w, NULL, 0), len);
	for (int size = 1; size < len + 3; size++) {
		memset(buf, '#', sizeof(buf));
		ck_assert_int_eq(eider_warning_format(w, buf, (size_t)size), len);
		ck_assert_int_eq(strlen(buf), size <= len ? size - 1 : len);
		ck_assert(!strncmp(buf, expected, strlen(buf)));
		ck_assert_int_eq(buf[size], '#');
	}
}

START_TEST(warnings_in_words)
{
	struct eider_warning w = { .kind = EIDER_TASK_TOOK_TOO_LONG };

	check_format(&w, "eider: TASK_TOOK_TOO_LONG:");
	w.name = "import";
	w.thread = "worker-3";
	w.context = 17;
	w.age_ns = 1234 * HARNESS_MS;
	w.waiting = 5;
	w.detail = "and so on";
	w.suppressed = 7;
	check_format(&w, "eider: TASK_TOOK_TOO_LONG: import on worker-3 in context 17 "
			 "for 1.234 s so far, 5 waiting: and so on "
			 "(7 reports not made)");
	w = (struct eider_warning){ .kind = EIDER_LOOP_STALLED, .thread = "loop-1" };
	check_format(&w, "eider: LOOP_STALLED: a fiber or callback on loop-1");
	w = (struct eider_warning){ .kind = EIDER_DEADLOCK, .name = "db" };
	check_format(&w, "eider: DEADLOCK: db");
	w.kind = EIDER_POOL_FULL;
	check_format(&w, "eider: POOL_FULL: db");
	w.kind = EIDER_STILL_RUNNING;
	check_format(&w, "eider: STILL_RUNNING: db");
}
END_TEST

/* Without a name, the function's address. */
START_TEST(an_address_for_a_name)
{
	struct eider_warning w = { .kind = EIDER_STILL_RUNNING, .fn = nothing };
	char expected[100], line[100];

	snprintf(expected, sizeof(expected), "eider: STILL_RUNNING: function %p",
		 (void *)(uintptr_t)nothing);
	eider_warning_format(&w, line, sizeof(line));
	ck_assert_str_eq(line, expected);
}
END_TEST

static void add_slow(Suite *s)
{
	TCase *t = harness_case(s, "slow");

	tcase_add_test(t, a_slow_job_is_reported_while_it_runs);
	tcase_add_test(t, an_atomic_one_has_a_name);
	tcase_add_test(t, the_context_is_told);
	tcase_add_test(t, who_waits_behind_it_is_counted);
	tcase_add_test(t, who_waits_in_a_batch_is_counted);
	tcase_add_test(t, reported_again_at_twice_the_age);
}

static void add_stalled_and_handler(Suite *s)
{
	TCase *t = harness_case(s, "stalled");

	tcase_add_test(t, a_stalled_loop_is_reported);
	tcase_add_test(t, a_callback_can_stall_it);
	tcase_add_test(t, many_short_things_are_not_one_long_one);
	t = harness_case(s, "handler");
	tcase_add_test(t, handlers_may_ask);
	tcase_add_test(t, reports_are_limited);
	tcase_add_test(t, by_default_a_line_on_stderr);
	tcase_add_test(t, warnings_in_words);
	tcase_add_test(t, an_address_for_a_name);
}

static void add_rest(Suite *s)
{
	TCase *t = harness_case(s, "rest");

	tcase_add_test(t, idle_it_rests_and_wakes_again);
	tcase_add_test(t, never_means_no_reports);
}

int main(void)
{
	Suite *s = suite_create("observe");

	add_slow(s);
	add_stalled_and_handler(s);
	add_rest(s);
	return harness_run(s);
}
