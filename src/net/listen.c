/*
 * listen.c - a socket that others connect to
 *
 * Made by plain system calls, none of which waits: it is done once, and a server that
 * cannot listen has nothing else to do.
 *
 * A unix socket leaves a file behind when its server dies, and the next one could not
 * bind. So who finds such a file asks whether anybody listens there, and removes it if
 * nobody does.
 */
#include "net.h"

#include <errno.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eider/net.h>

#include "base/sys.h"

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

static int listen_at_path(const struct eider__address *a)
{
	const struct sockaddr *address = (const struct sockaddr *)&a->path;
	int fd = eider__socket_open(AF_UNIX, 0), err;

	if (fd < 0)
		return fd;
	err = bind_and_listen(fd, address, a->path_len);
	if (err == -EADDRINUSE && is_left_behind(a) && !unlink(a->path.sun_path))
		err = bind_and_listen(fd, address, a->path_len);
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
