/*
 * io.h - the operations that every server writes
 *
 * Each is one op and one await: -EPERM outside of a fiber, -ECANCELED if the fiber
 * was cancelled, else what the system call of the same name would say. With any
 * other operation do as op.h shows.
 */
#ifndef EIDER_IO_H
#define EIDER_IO_H

#include <sys/types.h>

#include <eider/op.h>

struct iovec;

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Sockets. They must not be O_NONBLOCK: the kernel would answer -EAGAIN instead of
 * waiting. For a server's side see also net.h and stream.h.
 */

/* [fiber] The next connection's descriptor, close-on-exec. */
EIDER_API long eider_accept(int fd);

/* [fiber] What is there, at most @len; 0 is the end. -ETIME at @deadline. */
EIDER_API long eider_recv(int fd, void *buf, size_t len);
EIDER_API long eider_recv_until(int fd, void *buf, size_t len, int64_t deadline);

/*
 * [fiber] All of @len: @len, or the first error, with an unknown part sent. -ETIME
 * at @deadline, which is how a peer that does not read is got rid of. No SIGPIPE.
 */
EIDER_API long eider_send(int fd, const void *buf, size_t len);
EIDER_API long eider_send_until(int fd, const void *buf, size_t len,
				int64_t deadline);

/*
 * [fiber] The same for what @iov, of @n parts (1 to 1024, else -EINVAL), points to.
 * @iov is changed.
 */
EIDER_API long eider_sendv_until(int fd, struct iovec *iov, unsigned int n,
				 int64_t deadline);

/* Files. */

/* [fiber] A descriptor, close-on-exec. @path stays in use until this returns. */
EIDER_API long eider_open(const char *path, int flags, mode_t mode);
/* [fiber] Also in a cancelled fiber, which is told by its next wait. */
EIDER_API long eider_close(int fd);

/* [fiber] @offset -1 is the file's own position. Reads what is there; 0 the end. */
EIDER_API long eider_read(int fd, void *buf, size_t len, int64_t offset);
/* [fiber] All of @len: @len, or the first error. */
EIDER_API long eider_write(int fd, const void *buf, size_t len, int64_t offset);
/* [fiber] What was written is on the disk: 0. With @data_only as fdatasync(). */
EIDER_API long eider_fsync(int fd, bool data_only);

/* Time. */

/* [fiber] 0 at @deadline. */
EIDER_API long eider_sleep_until(int64_t deadline);

/* A moment as a future, to be awaited among others or given a callback. */
struct eider_alarm {
	struct eider_future future;
	struct eider_timer _timer;
};

/*
 * [loop] Done with 0 at @deadline, or -ECANCELED. 0; -EPERM. As any future it keeps
 * the loop busy until it is done.
 */
EIDER_API EIDER_MUST_CHECK int eider_alarm_start(struct eider_alarm *alarm,
						 int64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
