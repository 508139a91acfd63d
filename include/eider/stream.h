/*
 * stream.h - what a peer sends, without a buffer for each peer
 *
 * A server with ten thousand connections that are mostly silent should not hold ten
 * thousand buffers. A stream has none: the kernel takes one from the loop's own, few
 * ones (options.recv_buffers) when there is something to put into it. One receive
 * serves all of a connection's life, where the kernel has that.
 *
 *	feature buffer_ring		else the stream waits for the socket to be
 *					readable, then takes a buffer, then receives
 *	feature multishot_recv		else an op for each receive
 *
 * Reading is looking at what is there, and saying how much of it is done:
 *
 *	while ((n = eider_stream_peek(&s, &data, deadline)) > 0)
 *		eider_stream_consume(&s, parse(data, n));
 *
 * Bounds	What comes in while nobody reads is taken once: as much as the socket
 *		holds by then (SO_RCVBUF bounds that), and no more until it is read,
 *		so that the peer has to wait. From then on the stream receives only
 *		while it is read. Where buffers run out, results that nobody looked at
 *		yet are moved to memory of their streams' own; if that is not enough
 *		streams wait their turn.
 *
 * Manners	A fiber that has peeked, and is going to wait for something else with
 *		bytes left, keeps a buffer from others: see eider_stream_detach().
 *
 * Sending	is eider_send_until() to stream.fd and its kin, at any time.
 */
#ifndef EIDER_STREAM_H
#define EIDER_STREAM_H

#include <eider/op.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eider_stream {
	int fd;				/* to send to */

	/* Private. */
	int _end;			/* 0: not yet; 1: end; or -errno */
	struct eider_op _op;
	const char *_data;		/* not consumed, in _buffer */
	uint32_t _len;
	uint32_t _buffer;
	uint32_t _puts;
	bool _armed;
	bool _single;			/* no multishot any more */
	bool _late;			/* _op ends for a fiber that knows why */
	bool _closing;
	struct eider_fiber *_receiver;	/* that waits for it, in a peek */
	struct eider__spilled *_spilled, **_spilled_end;
	struct eider_node _node;	/* in the loop's streams */
};

/*
 * [loop] A stream over the connected socket @fd, which it owns from now on if this
 * is 0. Does not move afterwards. -ENOMEM for the loop's buffers, -EPERM.
 */
EIDER_API EIDER_MUST_CHECK int eider_stream_init(struct eider_stream *s, int fd);

/*
 * [fiber] What was received and not consumed; waits if there is none. Its length, and
 * *ret_data valid until as much is consumed; 0 at the peer's end, again and again.
 * -ETIME at @deadline; -ECANCELED; -ECONNRESET and such, again and again.
 * A second peek without consuming gives the same bytes, not more.
 */
EIDER_API long eider_stream_peek(struct eider_stream *s, const char **ret_data,
				 int64_t deadline);

/* [loop] The first @n of what was peeked at are done; no more than that. */
EIDER_API void eider_stream_consume(struct eider_stream *s, size_t n);

/* [loop] Is there anything received and not consumed? */
EIDER_API bool eider_stream_has_unread(const struct eider_stream *s);

/*
 * [loop] Move what was received and not consumed to memory of the stream's own, so that
 * it keeps no buffer of the loop's while its fiber waits for something else. Pointers
 * of earlier peeks end here. 0; -ENOMEM, with nothing lost; -EPERM.
 */
EIDER_API EIDER_MUST_CHECK int eider_stream_detach(struct eider_stream *s);

/* [fiber] Peek, copy at most @len, consume. */
EIDER_API long eider_stream_recv(struct eider_stream *s, void *buf, size_t len,
				 int64_t deadline);

/*
 * [fiber] End the receive, give the buffers back, close the socket. Sleeps until
 * the kernel has let go; never fails. A fiber that peeks meanwhile gets -ECANCELED
 * first.
 */
EIDER_API void eider_stream_close(struct eider_stream *s);

#ifdef __cplusplus
}
#endif

#endif
