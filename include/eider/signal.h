/*
 * signal.h - SIGTERM as a future
 *
 * A signal that somebody opened is blocked, and read from a descriptor by the ring:
 * no handler runs, so nothing is forbidden where it is dealt with.
 *
 *	int fd = eider_signal_open(&set);		in main(), before eider_run()
 *	...
 *	long number = eider_signal_next(fd);		in a fiber
 *
 * A blocked signal stays so in what is executed, too. And threads of Eider's own have
 * all of them blocked. So who forks and executes, after eider_signal_open() or in a
 * job, unblocks in the child what it should hear.
 */
#ifndef EIDER_SIGNAL_H
#define EIDER_SIGNAL_H

#include <signal.h>
#include <sys/signalfd.h>

#include <eider/op.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [any] Block the signals of @set in this thread and those it starts from now on,
 * and open a descriptor for them: call it before there are threads. The descriptor,
 * to be closed by the caller; -EINVAL, -EMFILE, -ENOMEM. The signals stay blocked.
 */
EIDER_API EIDER_MUST_CHECK int eider_signal_open(const sigset_t *set);

/* The next signal, as a future. */
struct eider_signal {
	struct eider_op op;
	struct signalfd_siginfo info;	/* who sent it, and more */
};

/*
 * [loop] Wait for the next signal of @fd with s->op.future: done with > 0, and
 * s->info.ssi_signo is the signal; -ECANCELED. Of several that wait, on whichever
 * loops, one hears it. 0; -EAGAIN, -EPERM.
 */
EIDER_API EIDER_MUST_CHECK int eider_signal_start(struct eider_signal *s, int fd);

/* [fiber] Sleep until there is one; its number. -ECANCELED, -EPERM. */
EIDER_API long eider_signal_next(int fd);

#ifdef __cplusplus
}
#endif

#endif
