/*
 * roundtrip.c - a word to another thread and back
 *
 * One thread asks, the other answers, so often and no more. In between both sleep (or
 * poll), and the time is from just before asking to having the answer.
 *
 * raw-futex and raw-spin share one word: ASKED or ANSWERED. Only the asking thread
 * makes it ASKED, and only while it is ANSWERED; the other way round for the other
 * one. So who sleeps can only be the one that has nothing to do:
 *
 *	asking thread				answering thread
 *	-------------				----------------
 *	word = ASKED		(release)	until word is ASKED	(acquire)
 *	FUTEX_WAKE					FUTEX_WAIT while ANSWERED
 *	until word is ANSWERED	(acquire)	word = ANSWERED		(release)
 *		FUTEX_WAIT while ASKED		FUTEX_WAKE
 *
 * No wake-up is lost: each stores before it wakes, and the kernel compares the word
 * again, under the lock that the wake-up needs, before it puts anyone to sleep. The
 * wake-up is sent whether anyone sleeps or not, because as good as always somebody
 * does; so the word has no third value, and no barrier is needed but the kernel's.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "raw.h"

struct way {
	const char *system;
	void (*open)(void);
	void (*ask)(void);	/* and wait for the answer */
	void (*pause)(long us);	/* of the asking thread */
	void (*close)(void);
	void *(*answer)(void *); /* `trips` times: a thread */
};

static size_t trips;

static void sleep_us(long us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void nothing(void)
{
}

/* ---- a word in memory ---- */

enum {
	ANSWERED,
	ASKED,
};

static _Alignas(128) uint32_t word;

static void futex_until(uint32_t wanted, uint32_t until_then)
{
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != wanted)
		raw_futex_wait(&word, until_then);
}

static void futex_set(uint32_t value)
{
	__atomic_store_n(&word, value, __ATOMIC_RELEASE);
	raw_futex_wake(&word);
}

static void futex_ask(void)
{
	futex_set(ASKED);
	futex_until(ANSWERED, ASKED);
}

static void *futex_answer(void *arg)
{
	for (size_t i = 0; i < trips; i++) {
		futex_until(ASKED, ANSWERED);
		futex_set(ANSWERED);
	}
	return arg;
}

static void spin_until(uint32_t wanted)
{
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != wanted)
		raw_relax();
}

static void spin_ask(void)
{
	__atomic_store_n(&word, ASKED, __ATOMIC_RELEASE);
	spin_until(ANSWERED);
}

static void *spin_answer(void *arg)
{
	for (size_t i = 0; i < trips; i++) {
		spin_until(ASKED);
		__atomic_store_n(&word, ANSWERED, __ATOMIC_RELEASE);
	}
	return arg;
}

/* ---- two eventfds ---- */

static int question, reply;

static void eventfd_open(void)
{
	question = eventfd(0, EFD_CLOEXEC);
	reply = eventfd(0, EFD_CLOEXEC);
	if (question < 0 || reply < 0)
		perf_check(-errno, "eventfd");
}

static void eventfd_close(void)
{
	close(question);
	close(reply);
}

static void signal_eventfd(int fd)
{
	uint64_t n = 1;

	if (write(fd, &n, sizeof(n)) != sizeof(n))
		perf_check(-errno, "eventfd: write");
}

static void await_eventfd(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		perf_check(-errno, "eventfd: read");
}

static void eventfd_ask(void)
{
	signal_eventfd(question);
	await_eventfd(reply);
}

static void *eventfd_answer(void *arg)
{
	for (size_t i = 0; i < trips; i++) {
		await_eventfd(question);
		signal_eventfd(reply);
	}
	return arg;
}

/* ---- two rings ---- */

enum {
	MESSAGE = 1,
	PAUSE_OVER = 2,
	MESSAGES = 4,
};

static struct io_uring asking;
static int answering_fd;
static pthread_barrier_t ready;	/* answering_fd is there */

static void expect(struct io_uring *ring, uint64_t data)
{
	struct io_uring_cqe *cqe;

	raw_ring_wait(ring);
	perf_check(io_uring_peek_cqe(ring, &cqe), "io_uring_peek_cqe");
	if (raw_ring_data(cqe) != data)
		perf_check(-EPROTO, "another completion than was due");
	io_uring_cqe_seen(ring, cqe);
}

static void message_open(void)
{
	raw_ring_open(&asking, MESSAGES);
	perf_check(-pthread_barrier_init(&ready, NULL, 2), "pthread_barrier_init");
}

static void message_close(void)
{
	pthread_barrier_destroy(&ready);
	raw_ring_close(&asking);
}

static void message_ask(void)
{
	raw_ring_send(&asking, answering_fd, MESSAGE);
	expect(&asking, MESSAGE);
}

/* The pause of a loop: a timeout of its ring. */
static void message_pause(long us)
{
	struct __kernel_timespec ts = { us / 1000000, us % 1000000 * 1000 };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&asking);

	if (!sqe)
		perf_check(-EBUSY, "io_uring_get_sqe");
	io_uring_prep_timeout(sqe, &ts, 0, 0);
	sqe->user_data = PAUSE_OVER;
	expect(&asking, PAUSE_OVER);
}

/* Each wait submits the answer to the question before. */
static void *message_answer(void *arg)
{
	struct io_uring ring;

	raw_ring_open(&ring, MESSAGES);
	answering_fd = ring.ring_fd;
	pthread_barrier_wait(&ready);
	for (size_t i = 0; i < trips; i++) {
		expect(&ring, MESSAGE);
		raw_ring_send(&ring, asking.ring_fd, MESSAGE);
	}
	perf_check(io_uring_submit(&ring), "io_uring_submit");
	raw_ring_close(&ring);
	return arg;
}

/* ---- all of them ---- */

static const struct way ways[] = {
	{ "raw-futex", nothing, futex_ask, sleep_us, nothing, futex_answer },
	{ "raw-spin", nothing, spin_ask, sleep_us, nothing, spin_answer },
	{ "raw-message", message_open, message_ask, message_pause, message_close,
	  message_answer },
	{ "raw-eventfd", eventfd_open, eventfd_ask, sleep_us, eventfd_close,
	  eventfd_answer },
};

static void measure(const struct way *way, int64_t *ns, size_t warm, size_t count)
{
	long gap_us = perf_get("gap_us");
	struct perf_moment start, end;
	pthread_t thread;

	way->open();
	perf_check(-pthread_create(&thread, NULL, way->answer, NULL),
		   "pthread_create");
	if (way->answer == message_answer)
		pthread_barrier_wait(&ready);
	for (size_t i = 0; i < trips; i++) {
		int64_t began;

		if (gap_us)
			way->pause(gap_us);
		if (i == warm)
			perf_now(&start);
		began = perf_clock();
		way->ask();
		ns[i] = perf_clock() - began;
	}
	perf_now(&end);
	pthread_join(thread, NULL);
	way->close();
	perf_print_times("roundtrip", way->system, ns + warm, count);
	perf_print("roundtrip_cpu", way->system,
		   (double)(end.cpu_ns - start.cpu_ns) / (double)count / 1000, "us");
}

void raw_work_roundtrip(void)
{
	size_t count = (size_t)perf_get("count"), warm = count / 10 + 1;
	int64_t *ns;

	trips = warm + count;
	ns = perf_alloc(trips, sizeof(*ns));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].answer != spin_answer || raw_count_cpus() >= 2)
			measure(&ways[i], ns, warm, count);
	free(ns);
}
