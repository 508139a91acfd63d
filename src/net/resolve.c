/*
 * resolve.c - names, looked up where waiting does no harm
 *
 * getaddrinfo() blocks, for half a minute if a name server is away, and cannot be
 * stopped. So it is a job of the executor's resolver pool, and who waits for it may
 * give up before it: what the job uses is therefore not on the fiber's stack but in a
 * block of its own, which the last of the two frees, the fiber or the loop when the job
 * is done. (A loop that is freed before the name server answered never learns that, and
 * the block is lost with it.)
 *
 * Numbers are not looked up, and not made a job.
 */
#include "net.h"

#include <errno.h>
#include <netdb.h>

#include <eider/io.h>
#include <eider/job.h>
#include <eider/net.h>

#include "base/sys.h"
#include "executor/executor.h"

struct lookup {
	struct eider_job job;
	char *host, *service;		/* NULL: any */
	struct addrinfo *found;
	struct eider_alarm *gate;	/* of who waits; NULL: nobody */
	bool ended;			/* and that is what ended the wait */
};

static long result_of(int code)
{
	switch (code) {
	case 0:
		return 0;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_FAIL:
	case EAI_ADDRFAMILY:
		return -ENOENT;
	default:
		return -EINVAL;
	}
}

static long look_up(const char *host, const char *service, int flags,
		    struct addrinfo **ret)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags,
	};

	errno = 0;
	return result_of(getaddrinfo(host, service, &hints, ret));
}

static long run_lookup(void *arg)
{
	struct lookup *l = arg;

	return look_up(l->host, l->service, AI_ADDRCONFIG, &l->found);
}

static void free_lookup(struct lookup *l)
{
	if (l->found)
		freeaddrinfo(l->found);
	eider__free(l->host);
	eider__free(l->service);
	eider__free(l);
}

static struct lookup *make_lookup(const char *host, const char *service,
				  int64_t deadline)
{
	struct lookup *l = eider__alloc(sizeof(*l));

	if (!l)
		return NULL;
	l->host = eider__strdup(host);
	l->service = service ? eider__strdup(service) : NULL;
	if (!l->host || (service && !l->service)) {
		free_lookup(l);
		return NULL;
	}
	eider_job_init(&l->job, run_lookup, l);
	l->job.name = "name lookup";
	l->job.pool = eider__loop_here->executor->resolver;
	/* In the queue too, and before it where that is full; 0 would be none. */
	l->job.deadline = deadline > 0 ? deadline : 1;
	return l;
}

/* It is done: who waits learns of it, or if nobody does any more it goes. */
static void end_lookup(struct eider_future *f)
{
	struct lookup *l = eider__container(f, struct lookup, job.future);

	if (!l->gate) {
		free_lookup(l);
		return;
	}
	l->ended = eider__future_state(&l->gate->future) == EIDER__PENDING;
	eider_cancel(&l->gate->future);
}

/*
 * Not for the job itself: cancelling that only asks it to end, and it does not listen.
 * 0 it is done; -ETIME, -ECANCELED.
 */
static int wait_for_end(struct lookup *l, int64_t deadline)
{
	struct eider_alarm gate;
	long res = eider_alarm_start(&gate, deadline);

	if (res < 0)
		return (int)res;
	l->gate = &gate;
	res = eider_await(&gate.future);
	l->gate = NULL;
	/* Else he was cancelled, which is not to be lost, or it was time. */
	if (l->ended || (!res && eider_is_done(&l->job.future)))
		return 0;
	return res < 0 ? (int)res : -ETIME;
}

static int await_lookup(struct lookup *l, int64_t deadline, struct addrinfo **ret)
{
	int err = eider_job_start(&l->job);

	if (!err)
		err = eider_on_done(&l->job.future, end_lookup);
	if (err < 0) {
		free_lookup(l);
		return err;
	}
	err = wait_for_end(l, deadline);
	if (err < 0 && !eider_is_done(&l->job.future)) {
		eider_cancel(&l->job.future);
		return err;
	}
	if (!err)
		err = (int)eider_result(&l->job.future);
	if (!err) {
		*ret = l->found;
		l->found = NULL;
	}
	free_lookup(l);
	return err;
}

int eider_resolve(const char *host, const char *service, int64_t deadline,
		  struct addrinfo **ret)
{
	struct lookup *l;

	if (!host || !*host || !ret)
		return -EINVAL;
	if (!eider_in_fiber())
		return eider__not_here();
	if (!look_up(host, service, AI_NUMERICHOST | AI_NUMERICSERV, ret))
		return 0;
	l = make_lookup(host, service, deadline);
	return l ? await_lookup(l, deadline, ret) : -ENOMEM;
}
