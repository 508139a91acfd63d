/*
 * features_io.c - find out how the kernel accepts and receives
 *
 * Each is tried as streams and acceptors use it (net/): a connection that waits is
 * accepted, a byte that was sent is received. A kernel that lacks one of them says
 * -EINVAL, to the request or to the registration, or makes one result and no more.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "buffers.h"
#include "features.h"

struct trial {
	struct eider__ring ring;
	struct eider__buffers buffers;
	int fds[2];
};

/* The first result of what was prepared: 0, or the wait failed. */
static int first_result(struct trial *t, struct eider__cqe *ret)
{
	int err = eider__ring_wait(&t->ring, eider_after(1000000000));

	/* It may fail after it has done its work, which is to be cleaned up too. */
	if (eider__ring_next(&t->ring, ret))
		return 0;
	return err < 0 ? err : -ETIME;
}

static int judge(const struct eider__cqe *cqe, unsigned int flags)
{
	if (cqe->res < 0)
		return cqe->res;
	return (cqe->flags & flags) == flags ? 0 : -EINVAL;
}

static int try_accept(struct trial *t)
{
	struct io_uring_sqe *sqe = eider__ring_sqe(&t->ring);
	struct eider__cqe cqe;
	int err;

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_multishot_accept(sqe, t->fds[0], NULL, NULL, SOCK_CLOEXEC);
	err = first_result(t, &cqe);
	if (err < 0)
		return err;
	if (cqe.res >= 0)
		eider__close(cqe.res);
	return judge(&cqe, IORING_CQE_F_MORE);
}

static int try_receive(struct trial *t, bool multishot)
{
	struct eider_options o = { .recv_buffers = 4, .recv_buffer_bytes = 512 };
	struct io_uring_sqe *sqe;
	struct eider__cqe cqe;
	int err;

	eider__buffers_init(&t->buffers, &o,
			    EIDER_FEATURE_BIT(EIDER_FEATURE_BUFFER_RING));
	err = eider__buffers_open(&t->buffers, &t->ring);
	if (err < 0)
		return err;
	sqe = eider__ring_sqe(&t->ring);
	if (!sqe)
		return -EAGAIN;
	if (multishot)
		io_uring_prep_recv_multishot(sqe, t->fds[0], NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, t->fds[0], NULL, 512, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = EIDER__BUFFER_GROUP;
	if (send(t->fds[1], "x", 1, MSG_NOSIGNAL) != 1)
		return -EIO;
	err = first_result(t, &cqe);
	return err < 0 ? err : judge(&cqe, IORING_CQE_F_BUFFER |
						   (multishot ? IORING_CQE_F_MORE : 0));
}

static int try_single(struct trial *t)
{
	return try_receive(t, false);
}

static int try_multishot(struct trial *t)
{
	return try_receive(t, true);
}

static int run_trial(struct trial *t, int (*try_it)(struct trial *))
{
	int err = eider__ring_init(&t->ring, 4, 0);

	if (!err)
		err = try_it(t);
	eider__ring_release(&t->ring);
	eider__buffers_release(&t->buffers);
	eider__close(t->fds[0]);
	eider__close(t->fds[1]);
	return err;
}

int eider__probe_multishot_accept(void)
{
	struct trial t = { .ring.open = false };
	int err = eider__socket_accepting(&t.fds[0], &t.fds[1]);

	return err < 0 ? err : run_trial(&t, try_accept);
}

static int probe_receive(int (*try_it)(struct trial *))
{
	struct trial t = { .ring.open = false };
	int err = eider__socket_pair(t.fds);

	return err < 0 ? err : run_trial(&t, try_it);
}

int eider__probe_buffer_ring(void)
{
	return probe_receive(try_single);
}

int eider__probe_multishot_recv(void)
{
	return probe_receive(try_multishot);
}
