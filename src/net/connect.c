/*
 * connect.c - a connection to somebody else
 */
#include "net.h"

#include <errno.h>
#include <netdb.h>

#include <eider/net.h>

#include "base/sys.h"

long eider_connect_to(const struct sockaddr *address, socklen_t len, int64_t deadline)
{
	struct eider_op op;
	long res;
	int fd;

	if (!eider_in_fiber())
		return eider__not_here();
	if (!address)
		return -EINVAL;
	fd = eider__socket_open(address->sa_family, 0);
	if (fd < 0)
		return fd;
	io_uring_prep_connect(eider__sqe_in_fiber(&op, deadline), fd, address, len);
	res = eider_await(&op.future);
	if (res < 0) {
		eider__close(fd);
		return res;
	}
	return fd;
}

/*
 * When to give the first of @list up: with as much time as each of those behind it then
 * has. One that swallows what it is sent, as a host's IPv6 may, is not the end of all.
 */
static int64_t share_of_first(const struct addrinfo *list, int64_t deadline)
{
	int64_t now = eider_now(), n = 0;

	if (deadline == EIDER_NEVER || deadline <= now)
		return deadline;
	for (; list; list = list->ai_next)
		n++;
	return now + (deadline - now) / n;
}

static long connect_to_first(const struct addrinfo *list, int64_t deadline)
{
	long res = -ENOENT;

	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		res = eider_connect_to(a->ai_addr, a->ai_addrlen,
				       share_of_first(a, deadline));
		if (res >= 0 || res == -ECANCELED)
			break;
	}
	return res;
}

long eider_connect(const char *address, int64_t deadline)
{
	struct eider__address a;
	struct addrinfo *found;
	long res;

	if (!eider_in_fiber())
		return eider__not_here();
	if (!address || eider__address_parse(address, &a) < 0)
		return -EINVAL;
	if (a.is_path)
		return eider_connect_to((const struct sockaddr *)&a.path, a.path_len,
					deadline);
	if (!a.host[0])
		return -EINVAL;
	res = eider_resolve(a.host, a.service, deadline, &found);
	if (res < 0)
		return res;
	res = connect_to_first(found, deadline);
	freeaddrinfo(found);
	return res;
}
