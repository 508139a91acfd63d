/*
 * net.h - what the files of this folder share (see eider/net.h)
 *
 * Written on top of fibers, ops and jobs, as a user could; what it uses of their
 * inside is the loop's buffers, lines to wait in, and waits that cannot be cancelled.
 */
#ifndef EIDER_NET_NET_H
#define EIDER_NET_NET_H

#include <sys/socket.h>
#include <sys/un.h>

#include "fiber/fiber.h"
#include "loop/op.h"

/* An address in text, taken apart. */
struct eider__address {
	bool is_path;			/* unix: */
	struct sockaddr_un path;
	socklen_t path_len;
	char host[256];			/* "" for any */
	char service[32];
};

/* 0 or -EINVAL; looks nothing up. */
int eider__address_parse(const char *text, struct eider__address *ret);

#endif
