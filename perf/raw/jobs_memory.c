/*
 * jobs_memory.c - jobs through shared memory: raw-futex and raw-spin
 *
 * Two queues for each worker, one there and one back. Each is a row of pointers with
 * one thread that puts and one that takes:
 *
 *	putting thread				taking thread
 *	--------------				-------------
 *	slots[put] = job			until put (acquire) is not taken:
 *	put++			(release)		job = slots[taken++]
 *
 * There are never more jobs for one worker than its queues have slots, and a job is in
 * one place at a time, so a queue is never full and nobody asks how much was taken:
 * the job that was in a slot has been back at the loop before its slot is used again,
 * which orders the read of the slot before the next write to it.
 *
 * Sleeping. Each worker, and the loop, has a word `asleep`. Who finds its queues
 * empty sets it, looks once more, and sleeps while it is set. Who has put something
 * looks at it, and wakes if it can clear it:
 *
 *	putting thread				taking thread
 *	--------------				-------------
 *	P1  put++				T1  asleep = 1
 *	P2  full barrier			T2  full barrier
 *	P3  asleep? if not: done		T3  is there something put? then T5
 *	P4  if swapping it for 0 gave 1		T4  FUTEX_WAIT while asleep is 1
 *	    FUTEX_WAKE				T5  asleep = 0
 *
 * Each side stores, passes a full barrier, and loads what the other one stores: P1 P2
 * P3 against T1 T2 T3. One at least sees the other. If the taking thread sees nothing
 * in T3, the putting one sees `asleep` in P3 and clears it; either before the kernel
 * compares it in T4, which then does not sleep, or the wake-up finds the sleeper.
 *
 * P1 is done for each job, so that the other side, if it is awake, has it at once. P2
 * to P4 cost a barrier and perhaps a system call, and are done once for a batch: all
 * that was there to be taken. Nobody goes to sleep himself before that. Waking after
 * each job, or after 8, 32 or 128 of them, was slower with one worker and with two: a
 * thread that is woken for little goes to sleep again soon.
 *
 * raw-spin leaves out all of that, and looks again instead of sleeping.
 */
#include <pthread.h>
#include <stdlib.h>

#include "jobs.h"

enum {
	LINE = 128, /* two cache lines: they are fetched in pairs */
};

struct queue {
	/* Constant. */
	struct job **slots;
	uint32_t mask;
	/* Of the thread that takes. */
	_Alignas(LINE) uint32_t taken;
	/* Written by the thread that puts, read by the other one. */
	_Alignas(LINE) uint32_t put;
};

struct worker {
	struct queue there, back;
	pthread_t thread;
	_Alignas(LINE) uint32_t asleep;	/* any thread, atomic */
};

static struct worker *workers;
static unsigned int worker_count;
static bool polling;			/* raw-spin */
static _Alignas(LINE) uint32_t home_asleep; /* any thread, atomic */

/* ---- queues ---- */

static void queue_open(struct queue *q, unsigned int jobs)
{
	uint32_t slots = 1;

	while (slots < jobs)
		slots *= 2;
	q->slots = perf_alloc(slots, sizeof(*q->slots));
	q->mask = slots - 1;
	q->put = q->taken = 0;
}

static void queue_put(struct queue *q, struct job *job)
{
	uint32_t put = __atomic_load_n(&q->put, __ATOMIC_RELAXED);

	q->slots[put & q->mask] = job;
	__atomic_store_n(&q->put, put + 1, __ATOMIC_RELEASE);
}

/* How many there are to take. */
static uint32_t queue_length(const struct queue *q)
{
	return __atomic_load_n(&q->put, __ATOMIC_ACQUIRE) - q->taken;
}

static struct job *queue_take(struct queue *q)
{
	return q->slots[q->taken++ & q->mask];
}

/* ---- sleeping (T1 to T5) and waking (P2 to P4) ---- */

static void wake(uint32_t *asleep)
{
	if (polling)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(asleep, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(asleep, 0, __ATOMIC_RELAXED))
		raw_futex_wake(asleep);
}

static void announce_sleep(uint32_t *asleep)
{
	__atomic_store_n(asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Sleep, unless somebody has already cleared @asleep; then it is cleared. */
static void sleep_until_woken(uint32_t *asleep)
{
	while (__atomic_load_n(asleep, __ATOMIC_RELAXED))
		raw_futex_wait(asleep, 1);
}

/* ---- a worker ---- */

static void wait_for_jobs(struct worker *w)
{
	if (polling) {
		raw_relax();
		return;
	}
	announce_sleep(&w->asleep);
	if (queue_length(&w->there))
		__atomic_store_n(&w->asleep, 0, __ATOMIC_RELAXED);
	else
		sleep_until_woken(&w->asleep);
}

/* A job that is NULL means: stop. */
static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		uint32_t n = queue_length(&w->there);

		if (!n)
			wait_for_jobs(w);
		for (uint32_t i = 0; i < n; i++) {
			struct job *job = queue_take(&w->there);

			if (!job)
				return NULL;
			job->run(job);
			queue_put(&w->back, job);
		}
		if (n)
			wake(&home_asleep);
	}
}

/* ---- the loop ---- */

static void pass(struct job *job)
{
	queue_put(&workers[job->worker].there, job);
}

/* How many were done. What follows a job is passed to the same worker. */
static uint32_t finish_batch(struct worker *w)
{
	uint32_t n = queue_length(&w->back);

	for (uint32_t i = 0; i < n; i++) {
		struct job *job = queue_take(&w->back);

		job->done(job);
	}
	if (n)
		wake(&w->asleep);
	return n;
}

static bool anything_back(void)
{
	for (unsigned int i = 0; i < worker_count; i++)
		if (queue_length(&workers[i].back))
			return true;
	return false;
}

static void wait_for_results(void)
{
	if (polling) {
		raw_relax();
		return;
	}
	announce_sleep(&home_asleep);
	if (anything_back())
		__atomic_store_n(&home_asleep, 0, __ATOMIC_RELAXED);
	else
		sleep_until_woken(&home_asleep);
}

static void turn(void)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < worker_count; i++)
		n += finish_batch(&workers[i]);
	if (!n)
		wait_for_results();
}

/* ---- all of it ---- */

static void start_worker(struct worker *w)
{
	queue_open(&w->there, raw_jobs_each() + 1);
	queue_open(&w->back, raw_jobs_each());
	w->asleep = 0;
	perf_check(-pthread_create(&w->thread, NULL, work, w), "pthread_create");
}

static void stop_worker(struct worker *w)
{
	queue_put(&w->there, NULL);
	wake(&w->asleep);
	pthread_join(w->thread, NULL);
	free(w->there.slots);
	free(w->back.slots);
}

static void carry(unsigned int count)
{
	worker_count = count;
	workers = aligned_alloc(LINE, count * sizeof(*workers));
	if (!workers)
		perf_check(-ENOMEM, "workers");
	for (unsigned int i = 0; i < count; i++)
		start_worker(&workers[i]);
	raw_jobs_start();
	for (unsigned int i = 0; i < count; i++)
		wake(&workers[i].asleep);
	while (raw_jobs_left())
		turn();
	for (unsigned int i = 0; i < count; i++)
		stop_worker(&workers[i]);
	free(workers);
}

static void carry_and_sleep(unsigned int count)
{
	polling = false;
	carry(count);
}

static void carry_and_poll(unsigned int count)
{
	polling = true;
	carry(count);
}

const struct carrier raw_carrier_futex = { "raw-futex", carry_and_sleep, pass };
const struct carrier raw_carrier_spin = { "raw-spin", carry_and_poll, pass };
