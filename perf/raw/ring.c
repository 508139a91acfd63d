/*
 * ring.c - messages from one thread's ring to another's
 *
 * Each thread has a ring of its own that nobody else touches: DEFER_TASKRUN, so the
 * kernel does what others have sent when this thread waits, and interrupts nothing.
 * The sender's own completion is left out (IOSQE_CQE_SKIP_SUCCESS) unless the message
 * could not be sent; such a completion has the user data 0, which no message has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "raw.h"

enum {
	/* Messages are submitted in batches of at most so many. */
	SUBMISSIONS = 1024,
	COMPLETIONS_MAX = 65536,
};

void raw_ring_open(struct io_uring *ring, unsigned int messages)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = messages > SUBMISSIONS ? messages : SUBMISSIONS,
	};

	if (messages > COMPLETIONS_MAX) {
		fprintf(stderr, "a ring has room for %d messages, not for %u\n",
			COMPLETIONS_MAX, messages);
		exit(1);
	}
	perf_check(io_uring_queue_init_params(SUBMISSIONS, ring, &params),
		   "io_uring_queue_init_params");
	if (!(params.features & IORING_FEAT_CQE_SKIP))
		perf_check(-EOPNOTSUPP, "IORING_FEAT_CQE_SKIP");
	perf_check(io_uring_register_ring_fd(ring), "io_uring_register_ring_fd");
}

void raw_ring_close(struct io_uring *ring)
{
	io_uring_queue_exit(ring);
}

void raw_ring_send(struct io_uring *ring, int fd, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		perf_check(io_uring_submit(ring), "io_uring_submit");
		sqe = io_uring_get_sqe(ring);
	}
	if (!sqe)
		perf_check(-EBUSY, "io_uring_get_sqe");
	io_uring_prep_msg_ring(sqe, fd, 0, data, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = 0;
}

void raw_ring_wait(struct io_uring *ring)
{
	int err;

	do
		err = io_uring_submit_and_wait(ring, 1);
	while (err == -EINTR);
	perf_check(err, "io_uring_submit_and_wait");
}

uint64_t raw_ring_data(const struct io_uring_cqe *cqe)
{
	if (!cqe->user_data)
		perf_check(cqe->res < 0 ? cqe->res : -EPROTO, "IORING_OP_MSG_RING");
	return cqe->user_data;
}
