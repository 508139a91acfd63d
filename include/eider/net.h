/*
 * net.h - to listen, accept, connect and look up names
 *
 * Addresses are text, as people write them:
 *
 *	127.0.0.1:8080	[::1]:8080	*:8080 or :8080		localhost:http
 *	unix:/run/x.sock		unix:@abstract
 *
 * Port 0 has the system choose one; eider_socket_name() says which.
 *
 * Several loops share one port by a listening socket each (EIDER_LISTEN_SHARED):
 * the kernel spreads connections over them, and no loop wakes for another's.
 */
#ifndef EIDER_NET_H
#define EIDER_NET_H

#include <sys/socket.h>

#include <eider/op.h>

struct addrinfo;

#ifdef __cplusplus
extern "C" {
#endif

enum {
	EIDER_LISTEN_SHARED = 1,	/* SO_REUSEPORT */
};

/*
 * [any] A socket that listens at @address, a number or unix: path, for this looks
 * nothing up. Its descriptor; -EINVAL for an address or flag that makes no sense,
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EMFILE... A unix socket that nobody listens
 * at any more is replaced, by one of those that try. Close it when done.
 */
EIDER_API EIDER_MUST_CHECK int eider_listen(const char *address, unsigned int flags);

/*
 * [any] Write the address that @fd has (@peer: that it is connected to) as above, cut
 * to @len with the final NUL. What snprintf() returns; -errno.
 */
EIDER_API int eider_socket_name(int fd, bool peer, char *buf, size_t len);

/*
 * Connections of one listening socket, with one multishot accept for all of them
 * where the kernel has it (feature multishot_accept), else one op each.
 */
struct eider_acceptor {
	/* Private. */
	struct eider_op _op;
	int _fd;
	bool _armed;
	bool _arming;
	bool _stopped;
	bool _paused;
};

/* [any] For the listening socket @fd, which stays the caller's. */
EIDER_API void eider_acceptor_init(struct eider_acceptor *a, int fd);

/*
 * [fiber] The next connection, close-on-exec; the caller's to close. Connections
 * that failed before they were accepted are passed over. -ETIME at @deadline;
 * -ECANCELED after eider_acceptor_stop(), or if the fiber was cancelled; -EBUSY while
 * another fiber asks; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: connections wait in the
 * socket's own queue, so sleep a little and ask again.
 *
 * Connections may be accepted before they are asked for: a few, or a burst that was in
 * the socket's queue. Who stops asking for a while, at a limit of connections, says so.
 */
EIDER_API long eider_acceptor_next(struct eider_acceptor *a, int64_t deadline);

/* [loop] Accept no more until the next question: leave them to the socket's queue. */
EIDER_API void eider_acceptor_pause(struct eider_acceptor *a);

/* [loop] Accept no more. What was accepted is still given, then -ECANCELED. */
EIDER_API void eider_acceptor_stop(struct eider_acceptor *a);

/* [fiber] Stop, close what nobody took, and be out of the kernel's hands. */
EIDER_API void eider_acceptor_close(struct eider_acceptor *a);

/*
 * [fiber] A stream connection to @address; names are looked up, and what they stand
 * for is tried in order, each with its share of the time up to @deadline, which is for
 * all of it together. Its descriptor; of several errors the last, -ETIME of one that
 * did not answer. What eider_resolve() says.
 */
EIDER_API long eider_connect(const char *address, int64_t deadline);

/* [fiber] The same to one address. */
EIDER_API long eider_connect_to(const struct sockaddr *address, socklen_t len,
				int64_t deadline);

/*
 * [fiber] getaddrinfo() for stream sockets, as a job of a pool of its own, of few
 * threads: slow names hold up other names only. 0, and freeaddrinfo(*ret) is the
 * caller's; -ENOENT no such name; -EAGAIN a name server does not answer; -ETIME at
 * @deadline, or -ECANCELED; -EINVAL, -ENOMEM.
 *
 * A look-up that has begun cannot be stopped: who gives up leaves it to end by itself,
 * and until then it counts as a job of the loop. So eider_run() may return as much
 * later as the name servers take.
 */
EIDER_API EIDER_MUST_CHECK int eider_resolve(const char *host, const char *service,
					     int64_t deadline,
					     struct addrinfo **ret);

#ifdef __cplusplus
}
#endif

#endif
