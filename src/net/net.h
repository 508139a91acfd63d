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

#include <eider/stream.h>

#include "fiber/fiber.h"
#include "loop/op.h"

/* A stream's data outside of the loop's buffers, oldest first. */
struct eider__spilled {
	struct eider__spilled *next;
	uint32_t len;
	char data[];
};

/* What s->_buffer is if it is no buffer's number. */
enum {
	EIDER__RECEIVING = EIDER__NO_BUFFER - 1,	/* a fiber is about it */
	EIDER__SPILLED = EIDER__NO_BUFFER - 2,		/* _data is the first spilled */
};

static inline struct eider__buffers *eider__buffers_of(const struct eider_stream *s)
{
	return &s->_op.future._loop->buffers;
}

/* [loop] Give a buffer back, and the next in line its turn. */
static inline void eider__stream_put(struct eider__buffers *b, uint32_t id)
{
	eider__buffers_put(b, id);
	eider__turns_next(&b->waiting, 0);
}

/* [loop] The first spilled piece is what @s shows next. False if there is none. */
bool eider__stream_unspill(struct eider_stream *s);
/* [loop] It was consumed. */
void eider__stream_drop_spilled(struct eider_stream *s);
/*
 * [loop] Free the buffers that hold what nobody looked at, of all streams of @s's loop.
 * False if there was no memory for some.
 */
bool eider__streams_spill(struct eider_stream *s);

/* An address in text, taken apart. */
struct eider__address {
	bool is_path;			/* unix: */
	struct sockaddr_un path;
	socklen_t path_len;
	char host[256];			/* "" for any */
	char service[32];
};

/*
 * A stream socket that does not hold small sends back (those accepted from it inherit
 * that: an answer is one send, and must not wait). Its descriptor, or -errno.
 */
int eider__socket_open(int family, int flags);

/* 0 or -EINVAL; looks nothing up. */
int eider__address_parse(const char *text, struct eider__address *ret);

#endif
