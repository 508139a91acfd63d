/*
 * jobs_message.c - jobs as messages from ring to ring
 *
 * The loop and each worker have a ring of their own. A job is a message to its
 * worker's ring, whose user data is the job's address; its result is the same message
 * to the loop's ring. Each thread takes all completions that are there, prepares a
 * message for each, and submits them with the system call in which it waits for more.
 *
 * The loop's ring has room for all jobs at once, each worker's for all of its own, so
 * no completion is ever one too many.
 */
#include <pthread.h>
#include <stdlib.h>

#include "jobs.h"

enum {
	STOP = 1, /* no job's address */
};

struct worker {
	pthread_t thread;
	int fd; /* of its ring; before the barrier nobody reads it */
};

static struct io_uring home;
static struct worker *workers;
static pthread_barrier_t ready;

/* False if it was told to stop. */
static bool run_batch(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	bool go_on = true;

	io_uring_for_each_cqe(ring, head, cqe) {
		uint64_t data = raw_ring_data(cqe);
		struct job *job = (struct job *)(uintptr_t)data;

		n++;
		if (data == STOP) {
			go_on = false;
			continue;
		}
		job->run(job);
		raw_ring_send(ring, home.ring_fd, data);
	}
	io_uring_cq_advance(ring, n);
	return go_on;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct io_uring ring;

	raw_ring_open(&ring, raw_jobs_each() + 1);
	w->fd = ring.ring_fd;
	pthread_barrier_wait(&ready);
	do
		raw_ring_wait(&ring);
	while (run_batch(&ring));
	raw_ring_close(&ring);
	return NULL;
}

static void pass(struct job *job)
{
	raw_ring_send(&home, workers[job->worker].fd, (uintptr_t)job);
}

static void finish_batch(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&home, head, cqe) {
		struct job *job = (struct job *)(uintptr_t)raw_ring_data(cqe);

		n++;
		job->done(job);
	}
	io_uring_cq_advance(&home, n);
}

static void carry(unsigned int count)
{
	workers = perf_alloc(count, sizeof(*workers));
	perf_check(-pthread_barrier_init(&ready, NULL, count + 1),
		   "pthread_barrier_init");
	raw_ring_open(&home, (unsigned int)perf_get("inflight"));
	for (unsigned int i = 0; i < count; i++)
		perf_check(-pthread_create(&workers[i].thread, NULL, work,
					   &workers[i]),
			   "pthread_create");
	pthread_barrier_wait(&ready);
	raw_jobs_start();
	while (raw_jobs_left()) {
		raw_ring_wait(&home);
		finish_batch();
	}
	for (unsigned int i = 0; i < count; i++)
		raw_ring_send(&home, workers[i].fd, STOP);
	perf_check(io_uring_submit(&home), "io_uring_submit");
	for (unsigned int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	raw_ring_close(&home);
	pthread_barrier_destroy(&ready);
	free(workers);
}

const struct carrier raw_carrier_message = { "raw-message", carry, pass };
