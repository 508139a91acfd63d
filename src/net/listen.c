/*
 * listen.c - a socket that others connect to
 *
 * Made by plain system calls, none of which waits: it is done once, and a server that
 * cannot listen has nothing else to do.
 *
 * A unix socket leaves a file behind when its server dies, and the next one could not
 * bind. So who finds such a file asks whether anybody listens there, and removes it if
 * nobody does. Of two that start at the same time one could so remove what the other
 * has bound and does not listen at yet. So all of it is done under a lock of the
 * directory, which leaves nothing behind. Not at any price: somebody else may hold such
 * a lock for ever (it tells systemd-tmpfiles to keep off), or not allow it.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eider/net.h>

#include "base/sys.h"

enum {
	LOCK_TRIES = 1000,	/* of a millisecond */
};

static int set_options(int fd, unsigned int flags)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if ((flags & EIDER_LISTEN_SHARED) &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static int bind_and_listen(int fd, const struct sockaddr *a, socklen_t len)
{
	if (eider__fault())
		return -EADDRINUSE;
	if (bind(fd, a, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return fd;
}

static int listen_at_number(const struct eider__address *a, unsigned int flags)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *found;
	int fd, err;

	if (!a->host[0])
		hints.ai_family = AF_INET;
	if (getaddrinfo(a->host[0] ? a->host : NULL, a->service, &hints, &found))
		return -EINVAL;
	fd = eider__socket_open(found->ai_family, 0);
	err = fd;
	if (fd >= 0)
		err = set_options(fd, flags);
	if (!err)
		err = bind_and_listen(fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (err < 0 && fd >= 0)
		eider__close(fd);
	return err;
}

/* True if it is there and nobody listens at it. */
static bool is_left_behind(const struct eider__address *a)
{
	const struct sockaddr *address = (const struct sockaddr *)&a->path;
	struct stat st;
	bool refused;
	int fd;

	if (!a->path.sun_path[0] || lstat(a->path.sun_path, &st) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return false;
	/* Its queue may be full. */
	fd = eider__socket_open(AF_UNIX, SOCK_NONBLOCK);
	if (fd < 0)
		return false;
	refused = connect(fd, address, a->path_len) < 0 && errno == ECONNREFUSED;
	eider__close(fd);
	return refused;
}

/* Of the directory that @a is in: a descriptor, or -1 and all is done without. */
static int lock_directory(const struct eider__address *a)
{
	char directory[sizeof(a->path.sun_path) + 2];
	char *slash;
	int fd;

	if (!a->path.sun_path[0] || eider__fault())
		return -1;
	/* Of "x" it is ".", of "/x" it is "/." */
	memcpy(directory, a->path.sun_path, sizeof(a->path.sun_path));
	slash = strrchr(directory, '/');
	strcpy(slash ? slash + 1 : directory, ".");
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		if (errno != EWOULDBLOCK)
			break;
		eider__nap(1000000);
	}
	eider__close(fd);
	return -1;
}

/* It would stay as long as a child that was forked meanwhile. */
static void unlock_directory(int fd)
{
	if (fd < 0)
		return;
	flock(fd, LOCK_UN);
	eider__close(fd);
}

static int listen_at_path(const struct eider__address *a)
{
	const struct sockaddr *address = (const struct sockaddr *)&a->path;
	int fd = eider__socket_open(AF_UNIX, 0), lock, err;

	if (fd < 0)
		return fd;
	lock = lock_directory(a);
	err = bind_and_listen(fd, address, a->path_len);
	if (err == -EADDRINUSE && is_left_behind(a) && !unlink(a->path.sun_path))
		err = bind_and_listen(fd, address, a->path_len);
	unlock_directory(lock);
	if (err < 0)
		eider__close(fd);
	return err;
}

int eider_listen(const char *address, unsigned int flags)
{
	struct eider__address a;

	if (!address || (flags & ~(unsigned int)EIDER_LISTEN_SHARED) ||
	    eider__address_parse(address, &a) < 0)
		return -EINVAL;
	return a.is_path ? listen_at_path(&a) : listen_at_number(&a, flags);
}
