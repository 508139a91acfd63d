/*
 * signal.c - see eider/signal.h
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <eider/signal.h>

#include "base/sys.h"
#include "fiber.h"

int eider_signal_open(const sigset_t *set)
{
	int fd, err;

	if (!set)
		return -EINVAL;
	if (eider__fault())
		return -EMFILE;
	fd = signalfd(-1, set, SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = pthread_sigmask(SIG_BLOCK, set, NULL);
	if (err) {
		eider__close(fd);
		return -err;
	}
	return fd;
}

int eider_signal_start(struct eider_signal *s, int fd)
{
	struct io_uring_sqe *sqe;

	if (!eider__loop_here)
		return eider__not_here();
	sqe = eider_sqe(&s->op);
	if (!sqe)
		return -EAGAIN;
	memset(&s->info, 0, sizeof(s->info));
	io_uring_prep_read(sqe, fd, &s->info, sizeof(s->info), 0);
	return 0;
}

long eider_signal_next(int fd)
{
	struct eider_signal s;
	long res;
	int err;

	if (!eider_in_fiber())
		return eider__not_here();
	while ((err = eider_signal_start(&s, fd)) == -EAGAIN)
		eider_yield();
	res = err < 0 ? err : eider_await(&s.op.future);
	return res < 0 ? res : (long)s.info.ssi_signo;
}
