/*
 * ring.c - see ring.h
 *
 * What a loop's ring asks of the kernel, best first, each dropped where the
 * kernel has it not or the user switched it off:
 *
 *	SINGLE_ISSUER, DEFER_TASKRUN	completions are made when the loop asks,
 *					in its own context, and never interrupt it
 *	TASKRUN_FLAG			a bit in shared memory says that asking
 *					is worth while: no system call to find out
 *	COOP_TASKRUN			without DEFER: the same without its order
 *	SUBMIT_ALL, CLAMP, CQSIZE	one bad entry does not hold up the rest;
 *					sizes are cut; a roomy completion queue
 *
 * DEFER_TASKRUN without TASKRUN_FLAG would need a system call a turn to learn
 * whether there is anything, so it is only used with it.
 *
 * A completion queue that overflows loses nothing (IORING_FEAT_NODROP, which we
 * require): the kernel keeps the rest, says so in the flags, and -EBUSY of a
 * submission means "reap first", which the next turn does.
 */
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sys.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <poll.h>
#include <valgrind/valgrind.h>
#endif
#endif

enum {
	CQ_MAX = 65536,		/* the kernel's limit, for where it has no CLAMP */
};

unsigned int eider__ring_flags(enum eider_feature f)
{
	switch (f) {
	case EIDER_FEATURE_CLAMP:
		return IORING_SETUP_CLAMP;
	case EIDER_FEATURE_SUBMIT_ALL:
		return IORING_SETUP_SUBMIT_ALL;
	case EIDER_FEATURE_TASKRUN:
		return IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	case EIDER_FEATURE_SINGLE_ISSUER:
		return IORING_SETUP_SINGLE_ISSUER;
	case EIDER_FEATURE_DEFER_TASKRUN:
		return IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		       IORING_SETUP_SINGLE_ISSUER;
	default:
		return 0;
	}
}

static unsigned int choose_flags(eider__features_t features)
{
	unsigned int flags = IORING_SETUP_CQSIZE;
	bool defer = eider__has(features, EIDER_FEATURE_DEFER_TASKRUN) &&
		     eider__has(features, EIDER_FEATURE_SINGLE_ISSUER) &&
		     eider__has(features, EIDER_FEATURE_TASKRUN);

	for (int f = 0; f < EIDER_FEATURE_COUNT; f++) {
		if (f == EIDER_FEATURE_DEFER_TASKRUN && !defer)
			continue;
		if (f == EIDER_FEATURE_TASKRUN && defer)
			continue;	/* DEFER brings the flag, and excludes COOP */
		if (eider__has(features, (enum eider_feature)f))
			flags |= eider__ring_flags((enum eider_feature)f);
	}
	return flags;
}

int eider__ring_init(struct eider__ring *r, unsigned int entries,
		     eider__features_t features)
{
	struct io_uring_params params;
	int err;

	memset(r, 0, sizeof(*r));
	if (eider__fault())
		return -ENOMEM;
	memset(&params, 0, sizeof(params));
	params.flags = choose_flags(features);
	params.cq_entries = entries * 4 < CQ_MAX ? entries * 4 : CQ_MAX;
	err = io_uring_queue_init_params(entries, &r->uring, &params);
	if (err < 0)
		return err;
	if (!eider__has(features, EIDER_FEATURE_EXT_ARG))
		r->uring.features &= ~IORING_FEAT_EXT_ARG;
	r->open = true;
	r->defers = params.flags & IORING_SETUP_DEFER_TASKRUN;
	if (eider__has(features, EIDER_FEATURE_REGISTERED_RING))
		r->registered = io_uring_register_ring_fd(&r->uring) == 1;
	return 0;
}

void eider__ring_release(struct eider__ring *r)
{
	if (!r->open)
		return;
	if (r->registered)
		io_uring_unregister_ring_fd(&r->uring);
	io_uring_queue_exit(&r->uring);
	r->open = false;
}

int eider__ring_try(unsigned int flags, unsigned int *ret_features)
{
	struct io_uring_params params;
	struct io_uring uring;
	int err;

	if (eider__fault())
		return -ENOMEM;
	memset(&params, 0, sizeof(params));
	params.flags = flags;
	err = io_uring_queue_init_params(4, &uring, &params);
	if (err < 0)
		return err;
	*ret_features = params.features;
	io_uring_queue_exit(&uring);
	return 0;
}

struct io_uring_sqe *eider__ring_sqe(struct eider__ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

	if (sqe)
		return sqe;
	/* Full: the kernel takes all of it, or there is no room now. */
	if (eider__ring_submit(r) < 0)
		return NULL;
	return io_uring_get_sqe(&r->uring);
}

int eider__ring_reserve(struct eider__ring *r, unsigned int n)
{
	int err;

	if (n > *r->uring.sq.kring_entries)
		return -EINVAL;
	if (io_uring_sq_space_left(&r->uring) >= n)
		return 0;
	err = eider__ring_submit(r);
	if (err < 0)
		return err;
	return io_uring_sq_space_left(&r->uring) >= n ? 0 : -EAGAIN;
}

/* What is no failure of the ring: the next turn reaps, and tries again. */
static int forgive(int err)
{
	switch (err) {
	case -EINTR:
	case -ETIME:
	case -EBUSY:
		return 0;
	default:
		return err < 0 ? err : 0;
	}
}

int eider__ring_submit(struct eider__ring *r)
{
	if (eider__fault())
		return -EAGAIN;
	return forgive(io_uring_submit_and_get_events(&r->uring));
}

/*
 * Valgrind runs one thread at a time, and does not know that io_uring_enter() may
 * sleep: nobody else would ever run. It knows that of poll().
 */
#ifdef RUNNING_ON_VALGRIND
static int wait_under_valgrind(struct eider__ring *r, int64_t deadline)
{
	struct pollfd fd = { .fd = r->uring.ring_fd, .events = POLLIN };
	int err = eider__ring_submit(r);

	/* Short: a DEFER_TASKRUN ring may have work and not show it. */
	if (!err && !io_uring_cq_ready(&r->uring) && deadline > eider_now())
		poll(&fd, 1, 2);
	return err < 0 ? err : eider__ring_submit(r);
}
#endif

int eider__ring_wait(struct eider__ring *r, int64_t deadline)
{
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	int64_t ns;

	if (eider__fault())
		return -EAGAIN;
#ifdef RUNNING_ON_VALGRIND
	if (RUNNING_ON_VALGRIND)
		return wait_under_valgrind(r, deadline);
#endif
	if (deadline == EIDER_NEVER)
		return forgive(io_uring_submit_and_wait(&r->uring, 1));
	ns = deadline - eider_now();
	if (ns <= 0)
		return forgive(io_uring_submit_and_get_events(&r->uring));
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return forgive(io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, &ts,
							NULL));
}

static bool kernel_has_work(struct eider__ring *r)
{
	unsigned int flags = IO_URING_READ_ONCE(*r->uring.sq.kflags);

	return flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

bool eider__ring_has_work(struct eider__ring *r)
{
	return kernel_has_work(r) || io_uring_sq_ready(&r->uring);
}

bool eider__ring_has_news(struct eider__ring *r)
{
	return io_uring_cq_ready(&r->uring) || kernel_has_work(r);
}

bool eider__ring_next(struct eider__ring *r, struct eider__cqe *ret)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	io_uring_for_each_cqe(&r->uring, head, cqe) {
		ret->user_data = cqe->user_data;
		ret->res = cqe->res;
		ret->flags = cqe->flags;
		io_uring_cq_advance(&r->uring, 1);
		/* liburing's own, where the kernel has no EXT_ARG. */
		if (ret->user_data == LIBURING_UDATA_TIMEOUT)
			continue;
		return true;
	}
	return false;
}

int eider__ring_add_buffers(struct eider__ring *r, struct io_uring_buf_ring *shared,
			    unsigned int count, int group)
{
	struct io_uring_buf_reg reg;

	if (eider__fault())
		return -ENOMEM;
	memset(&reg, 0, sizeof(reg));
	reg.ring_addr = (uintptr_t)shared;
	reg.ring_entries = count;
	reg.bgid = (uint16_t)group;
	return io_uring_register_buf_ring(&r->uring, &reg, 0);
}

int eider__ring_message(struct eider__ring *r, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int err;

	if (eider__fault())
		return -ENOMEM;
	sqe = io_uring_get_sqe(&r->uring);
	EIDER_ASSERT(sqe);	/* every message waits for its answer */
	io_uring_prep_msg_ring(sqe, fd, 0, user_data, 0);
	do {
		err = io_uring_submit_and_wait(&r->uring, 1);
	} while (err == -EINTR || err == -EAGAIN || err == -EBUSY);
	if (err < 0)
		return err;
	do {
		err = io_uring_wait_cqe(&r->uring, &cqe);
	} while (err == -EINTR || err == -EAGAIN);
	if (err < 0)
		return err;
	err = cqe->res;
	io_uring_cqe_seen(&r->uring, cqe);
	return err < 0 ? err : 0;
}

int eider__ring_message_sync(int fd, uint64_t user_data)
{
	struct io_uring_sqe sqe;
	long err;

	if (eider__fault())
		return -ENOMEM;
	memset(&sqe, 0, sizeof(sqe));
	io_uring_prep_msg_ring(&sqe, fd, 0, user_data, 0);
	do {
		err = syscall(__NR_io_uring_register, -1,
			      IORING_REGISTER_SEND_MSG_RING, &sqe, 1);
	} while (err < 0 && errno == EINTR);
	return err < 0 ? -errno : 0;
}
