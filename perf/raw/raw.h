/*
 * raw.h - what the parts of bench_raw share
 */
#ifndef EIDER_PERF_RAW_H
#define EIDER_PERF_RAW_H

#include <errno.h>
#include <liburing.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/measure.h"

/* The works that have a file of their own. */
void raw_work_jobs(void);
void raw_work_roundtrip(void);

long raw_count_cpus(void);

/* ---- futex ---- */

/*
 * Sleep if *@word is @value. The kernel looks at it under a lock that a wake-up takes
 * too: whoever stores something else and then wakes either comes before that look, or
 * finds the sleeper. Returns for no reason as well.
 */
static inline void raw_futex_wait(uint32_t *word, uint32_t value)
{
	if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		perf_check(-errno, "FUTEX_WAIT");
}

static inline void raw_futex_wake(uint32_t *word)
{
	if (syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0)
		perf_check(-errno, "FUTEX_WAKE");
}

/* Between two looks at a word that another CPU writes. */
static inline void raw_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- rings (ring.c) ---- */

/* A ring of the calling thread, with room for @messages that were not taken yet. */
void raw_ring_open(struct io_uring *ring, unsigned int messages);
void raw_ring_close(struct io_uring *ring);

/* Have @data, which is not 0, sent to the ring @fd with the next submission. */
void raw_ring_send(struct io_uring *ring, int fd, uint64_t data);

/* Submit, and wait for at least one completion. */
void raw_ring_wait(struct io_uring *ring);

/* What was sent. Ends the program if it says that a message of ours was not sent. */
uint64_t raw_ring_data(const struct io_uring_cqe *cqe);

#endif
