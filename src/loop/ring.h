/*
 * ring.h - one io_uring, set up the best way the kernel allows
 *
 * The only file pair that calls liburing, and so the only one that knows which
 * flags a kernel takes. Home thread only, all of it.
 */
#ifndef EIDER_LOOP_RING_H
#define EIDER_LOOP_RING_H

#include <liburing.h>

#include <eider/features.h>

/* Newer than Debian 12's liburing 2.3; the numbers are the kernel's. */
#ifndef IORING_REGISTER_SEND_MSG_RING
#define IORING_REGISTER_SEND_MSG_RING 31	/* an enumerator where it exists */
#endif

/*
 * What a CQE is for: the low bits of its user_data. The rest is the address of
 * the op, the link or nothing.
 */
enum eider__tag {
	EIDER__TAG_OP,		/* an op's own */
	EIDER__TAG_CANCEL,	/* of the request that asks an op to end */
	EIDER__TAG_POSTED,	/* a link that another thread finished */
	EIDER__TAG_BELL,	/* look into the inbox; no address */
	EIDER__TAG_TIMEOUT,	/* a timeout of polled.c */
	EIDER__TAG_NUDGE,	/* nothing: makes the ring's descriptor readable */
	EIDER__TAG_MASK = 7,
};

/* A completion; the kernel's own struct has an open end. */
struct eider__cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

struct eider__ring {
	struct io_uring uring;
	bool open;
	bool registered;
	bool defers;		/* DEFER_TASKRUN: the kernel acts when entered */
};

/* Bits of the features that are in use. */
typedef uint64_t eider__features_t;

static inline bool eider__has(eider__features_t features, enum eider_feature f)
{
	return features & EIDER_FEATURE_BIT(f);
}

/* 0, or -errno of io_uring_setup(). @features must have been probed. */
int eider__ring_init(struct eider__ring *r, unsigned int entries,
		     eider__features_t features);
void eider__ring_release(struct eider__ring *r);

/* The setup flags that @f stands for, with those it needs; 0 for other features. */
unsigned int eider__ring_flags(enum eider_feature f);

/* Plain set-up with exactly @flags, for probing. */
int eider__ring_try(unsigned int flags, unsigned int *ret_features);

/* An entry; NULL if the queue is full and the kernel takes nothing now. */
struct io_uring_sqe *eider__ring_sqe(struct eider__ring *r);
/* Room for @n in a row? 0, -EAGAIN, -EINVAL. */
int eider__ring_reserve(struct eider__ring *r, unsigned int n);

/* Give entries to the kernel and let it act; does not sleep. 0 or -errno. */
int eider__ring_submit(struct eider__ring *r);
/* The same, and sleep for one completion until @deadline. 0 or -errno. */
int eider__ring_wait(struct eider__ring *r, int64_t deadline);
/* Is there anything that eider__ring_submit() would be good for? */
bool eider__ring_has_work(struct eider__ring *r);

/* Is there a completion, or would entering the kernel make one? */
bool eider__ring_has_news(struct eider__ring *r);

/* The next completion, or false. Each is seen once. */
bool eider__ring_next(struct eider__ring *r, struct eider__cqe *ret);

/*
 * Let the kernel choose from @count buffers in @shared, which is zero and aligned to
 * pages, for receives of @group. 0, -errno. Until the ring is released.
 */
int eider__ring_add_buffers(struct eider__ring *r, struct io_uring_buf_ring *shared,
			    unsigned int count, int group);

/* Post a message CQE to the ring @fd from @r: 0 or -errno. Sleeps for the answer. */
int eider__ring_message(struct eider__ring *r, int fd, uint64_t user_data);
/* The same without a ring of one's own; -EINVAL before 6.13. */
int eider__ring_message_sync(int fd, uint64_t user_data);

#endif
