/*
 * spill.c - what streams have received, outside of the loop's buffers
 *
 * A buffer is for data on its way to a reader. Data whose reader does something else
 * goes to the heap: by the reader's own act (eider_stream_detach()), or when another
 * stream finds no buffer. A copy is cheap beside waiting; and in a server whose peers
 * wait for answers before they ask again, there is nothing to copy.
 *
 * Only what nobody has a pointer to is moved from outside: whole results that still
 * wait in the op. One that says the end, or an error, stays there.
 *
 * Bounded by what the kernel takes from a socket while nobody reads, which happens once
 * for a stream: see stream.c.
 */
#include "net.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

static struct eider__spilled *make(uint32_t len)
{
	struct eider__spilled *piece = eider__alloc(sizeof(*piece) + len);

	if (piece)
		piece->len = len;
	return piece;
}

/*
 * How long the oldest result that waits in the op is; 0 if that is no data, or somebody
 * is about to take it himself. (Those with F_MORE are data, each. A poll has none.)
 */
static uint32_t length_waiting(const struct eider_stream *s)
{
	long last;

	if (!s->_armed || s->_buffer == EIDER__RECEIVING ||
	    !eider__buffers_of(s)->chosen_by_kernel)
		return 0;
	if (s->_op._shots)
		return (uint32_t)s->_op._shots->res;
	last = eider_result(&s->_op.future);
	return last > 0 ? (uint32_t)last : 0;
}

/* The oldest result. False: no memory, and it stays. */
static bool spill_result(struct eider_stream *s, uint32_t len)
{
	struct eider__buffers *b = eider__buffers_of(s);
	struct eider__spilled *piece = make(len);
	uint32_t id;
	long taken;

	if (!piece)
		return false;
	taken = eider_next_now(&s->_op);
	EIDER_DEBUG(taken == (long)len);
	s->_armed = s->_op.flags & IORING_CQE_F_MORE;
	id = s->_op.flags >> IORING_CQE_BUFFER_SHIFT;
	memcpy(piece->data, eider__buffers_at(b, id), len);
	*s->_spilled_end = piece;
	s->_spilled_end = &piece->next;
	eider__stream_put(b, id);
	return true;
}

static bool spill_results(struct eider_stream *s)
{
	uint32_t len;

	while ((len = length_waiting(s)))
		if (!spill_result(s, len))
			return false;
	return true;
}

bool eider__streams_spill(struct eider_stream *s)
{
	eider__node_each(node, &eider__buffers_of(s)->streams)
		if (!spill_results(eider__container(node, struct eider_stream, _node)))
			return false;
	return true;
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
	return s->_len || s->_spilled || length_waiting(s);
}

int eider_stream_detach(struct eider_stream *s)
{
	struct eider__spilled *piece;
	uint32_t buffer = s->_buffer;

	if (!eider__is_home(s->_op.future._loop))
		return eider__not_here();
	if (!spill_results(s))
		return -ENOMEM;
	if (!s->_len || buffer == EIDER__SPILLED)
		return 0;
	piece = make(s->_len);
	if (!piece)
		return -ENOMEM;
	memcpy(piece->data, s->_data, s->_len);
	piece->next = s->_spilled;
	if (!s->_spilled)
		s->_spilled_end = &piece->next;
	s->_spilled = piece;
	eider__stream_unspill(s);
	eider__stream_put(eider__buffers_of(s), buffer);
	return 0;
}
