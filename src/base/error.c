/*
 * error.c - what our errors mean, and failed assertions
 *
 * The texts answer "and what do I do now?", which strerror() cannot know.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/base.h>

#include "assert.h"

static const struct {
	int err;
	const char *text;
} meanings[] = {
	{ EAGAIN, "a bound is reached (queue, fibers, threads, ring): try again "
		  "later, or raise the bound in struct eider_options" },
	{ ECONNREFUSED, "nobody listens there; or a database server has too many "
			"connections: raise its limit, or lower connections_max" },
	{ ENOTCONN, "the connection is lost, or its other end is not there: try again "
		    "later" },
	{ EBUSY, "in use: somebody already waits for this future, the thread "
		 "already has a loop, or the call came from inside a fiber" },
	{ ECANCELED, "cancelled before it ran, or while it ran" },
	{ ECHILD, "Eider does not work in a forked child: start anew after "
		  "exec, or make a new executor in the child" },
	{ EDEADLK, "this wait could never end: it waits for itself, or every "
		   "leased transaction thread waits for another" },
	{ EINVAL, "an argument or option makes no sense" },
	{ EMFILE, "out of file descriptors: raise RLIMIT_NOFILE" },
	{ ENODATA, "a multishot operation has given its last result" },
	{ ENOMEM, "out of memory; for a ring perhaps RLIMIT_MEMLOCK, on kernels "
		  "before 5.12" },
	{ ENOSYS, "the kernel has no io_uring: before 5.1, or built without "
		  "CONFIG_IO_URING, or a sandbox hides it" },
	{ EOPNOTSUPP, "the kernel lacks a feature that was asked for by name: "
		      "see eider doctor" },
	{ EPERM, "called from the wrong thread or outside of a fiber; at start: "
		 "io_uring is forbidden, by sysctl kernel.io_uring_disabled or by "
		 "the seccomp profile of a container" },
	{ EPROTONOSUPPORT, "no driver for this kind of database URL" },
	{ ESHUTDOWN, "shut down, accepts nothing new" },
	{ ESTALE, "the fiber's transaction context was left already" },
	{ ETIME, "the deadline has passed" },
};

const char *eider_strerror(int err)
{
	const char *text;

	if (err < 0 && err != INT_MIN)
		err = -err;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].err == err)
			return meanings[i].text;
	text = err >= 0 ? strerrordesc_np(err) : NULL;
	return text ? text : "unknown error";
}

void eider__assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "eider: broken invariant: %s (%s:%d)\n", what, file, line);
	abort();
}
