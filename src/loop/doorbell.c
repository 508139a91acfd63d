/*
 * doorbell.c - see doorbell.h
 *
 * All three end in the same way, a CQE on the loop's ring, so the loop never
 * learns which is in use. They differ in who pays:
 *
 *		sender has	one ring costs		loop has
 *	sync	nothing		a register call		its ring
 *	ring	a ring		an enter		its ring
 *	eventfd	nothing		a write			an eventfd, and a read that
 *							is armed again each time
 *
 * Ownership	the bell's descriptor is used by any thread that may post to the
 *		loop; the loop closes it after the last of them has let go
 *		(inbox.c, "Letting go").
 */
#include "doorbell.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

int eider__bell_init(struct eider__bell *b, enum eider_doorbell kind,
		     struct eider__ring *home)
{
	memset(b, 0, sizeof(*b));
	b->kind = kind;
	b->fd = home->uring.ring_fd;
	if (kind == EIDER_DOORBELL_EVENTFD) {
		b->fd = eider__eventfd();
		if (b->fd < 0)
			return b->fd;
	}
	return 0;
}

void eider__bell_release(struct eider__bell *b)
{
	if (b->kind == EIDER_DOORBELL_EVENTFD && b->fd >= 0)
		eider__close(b->fd);
	b->fd = -1;
}

int eider__bell_arm(struct eider__bell *b, struct eider__ring *home)
{
	struct io_uring_sqe *sqe;

	if (b->kind != EIDER_DOORBELL_EVENTFD || b->armed)
		return 0;
	sqe = eider__ring_sqe(home);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_read(sqe, b->fd, &b->count, sizeof(b->count), 0);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_BELL);
	b->armed = true;
	return 0;
}

void eider__bell_rang(struct eider__bell *b)
{
	b->armed = false;
}

int eider__poster_init(struct eider__poster *p, enum eider_doorbell kind)
{
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	eider__node_init(&p->node);
	return kind == EIDER_DOORBELL_RING ? eider__ring_init(&p->ring, 4, 0) : 0;
}

void eider__poster_release(struct eider__poster *p)
{
	eider__ring_release(&p->ring);
}

int eider__bell_ring(struct eider__bell *b, struct eider__poster *p,
		     uint64_t user_data)
{
	switch (b->kind) {
	case EIDER_DOORBELL_SYNC:
		return eider__ring_message_sync(b->fd, user_data);
	case EIDER_DOORBELL_RING:
		return eider__ring_message(&p->ring, b->fd, user_data);
	default:
		return eider__eventfd_ring(b->fd);
	}
}
