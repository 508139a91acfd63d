/*
 * socket.c - a stream socket, as both sides want it
 */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/sys.h"

int eider__socket_open(int family, int flags)
{
	int fd, on = 1;

	if (eider__fault())
		return -EMFILE;
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	if (family != AF_UNIX &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
		int err = -errno;

		eider__close(fd);
		return err;
	}
	return fd;
}
