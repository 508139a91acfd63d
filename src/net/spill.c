/*
 * spill.c - what streams have received, outside of the loop's buffers
 *
 * A buffer is for data on its way to a reader. Data whose reader does something else
 * goes to the heap: by the reader's own act (eider_stream_detach()), or when another
 * stream finds no buffer. A copy is cheap beside waiting; and in a server whose peers
 * wait for answers before they ask again, there is nothing to copy.
 *
 * Only what nobody has a pointer to is moved from outside: whole results that still
 * wait in the op. An op's last one stays there, with its meaning (the end, an error).
 *
 * Bounded by what the kernel takes from a socket while nobody reads, which happens once
 * for a stream: see stream.c.
 */
#include "net.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

static struct eider__spilled *make(const char *data, uint32_t len)
{
	struct eider__spilled *piece = eider__alloc(sizeof(*piece) + len);

	if (!piece)
		return NULL;
	piece->len = len;
	memcpy(piece->data, data, len);
	return piece;
}

/* The oldest result that waits in the op. False: no memory, and it stays. */
static bool spill_result(struct eider_stream *s)
{
	struct eider__buffers *b = eider__buffers_of(s);
	const struct eider_shot *shot = s->_op._shots;
	uint32_t id = shot->flags >> IORING_CQE_BUFFER_SHIFT;
	struct eider__spilled *piece = make(eider__buffers_at(b, id),
					    (uint32_t)shot->res);
	long taken;

	if (!piece)
		return false;
	taken = eider_next_now(&s->_op);
	EIDER_DEBUG(taken == (long)piece->len);
	*s->_spilled_end = piece;
	s->_spilled_end = &piece->next;
	eider__stream_put(b, id);
	return true;
}

static bool spill_results(struct eider_stream *s)
{
	/* Those with F_MORE: data, each. */
	while (s->_op._shots)
		if (!spill_result(s))
			return false;
	return true;
}

void eider__streams_spill(struct eider_stream *s)
{
	eider__node_each(node, &eider__buffers_of(s)->streams) {
		struct eider_stream *other =
			eider__container(node, struct eider_stream, _node);

		/* One that is being read takes its results itself. */
		if (other != s && other->_armed && other->_buffer != EIDER__RECEIVING &&
		    !spill_results(other))
			return;
	}
}

bool eider__stream_unspill(struct eider_stream *s)
{
	if (!s->_spilled)
		return false;
	s->_buffer = EIDER__SPILLED;
	s->_data = s->_spilled->data;
	s->_len = s->_spilled->len;
	return true;
}

void eider__stream_drop_spilled(struct eider_stream *s)
{
	struct eider__spilled *piece = s->_spilled;

	s->_spilled = piece->next;
	if (!s->_spilled)
		s->_spilled_end = &s->_spilled;
	s->_buffer = EIDER__NO_BUFFER;
	eider__free(piece);
}

bool eider_stream_has_unread(const struct eider_stream *s)
{
	return s->_len || s->_spilled || (s->_armed && s->_op._shots);
}

int eider_stream_detach(struct eider_stream *s)
{
	struct eider__spilled *piece;
	uint32_t buffer = s->_buffer;

	if (!eider__is_home(s->_op.future._loop))
		return eider__not_here();
	if (s->_armed && !spill_results(s))
		return -ENOMEM;
	if (!s->_len || buffer == EIDER__SPILLED)
		return 0;
	piece = make(s->_data, s->_len);
	if (!piece)
		return -ENOMEM;
	piece->next = s->_spilled;
	if (!s->_spilled)
		s->_spilled_end = &piece->next;
	s->_spilled = piece;
	eider__stream_unspill(s);
	eider__stream_put(eider__buffers_of(s), buffer);
	return 0;
}
