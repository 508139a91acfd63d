/*
 * buffers.c - see buffers.h
 *
 * Where the kernel has buffer rings, it takes a buffer itself at the moment at which it
 * has data for one. All that are free are in a ring shared with it, and what it took it
 * names in the CQE. Elsewhere whoever wants to receive takes one first, from a list
 * whose links are in the buffers themselves; those that never were in use are not in
 * it, so that their memory is not touched before it has to be.
 */
#include "buffers.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/sys.h"

void eider__buffers_init(struct eider__buffers *b, const struct eider_options *o,
			 eider__features_t use)
{
	b->count = o->recv_buffers;
	b->bytes = o->recv_buffer_bytes;
	b->chosen_by_kernel = eider__has(use, EIDER_FEATURE_BUFFER_RING);
	b->multishot = b->chosen_by_kernel &&
		       eider__has(use, EIDER_FEATURE_MULTISHOT_RECV);
	b->first_free = EIDER__NO_BUFFER;
	eider__node_init(&b->waiting);
	eider__node_init(&b->streams);
}

static size_t memory_size(const struct eider__buffers *b)
{
	return (size_t)b->count * b->bytes;
}

static size_t shared_size(const struct eider__buffers *b)
{
	return (size_t)b->count * sizeof(struct io_uring_buf);
}

static void share(struct eider__buffers *b, uint32_t id, unsigned int nth)
{
	io_uring_buf_ring_add(b->shared, eider__buffers_at(b, id), b->bytes,
			      (unsigned short)id,
			      io_uring_buf_ring_mask(b->count), (int)nth);
}

static int share_all(struct eider__buffers *b, struct eider__ring *ring)
{
	void *p;
	int err = eider__map(shared_size(b), &p);

	if (err < 0)
		return err;
	err = eider__ring_add_buffers(ring, p, b->count, EIDER__BUFFER_GROUP);
	if (err < 0) {
		eider__unmap(p, shared_size(b));
		return err;
	}
	b->shared = p;
	io_uring_buf_ring_init(b->shared);
	for (uint32_t id = 0; id < b->count; id++)
		share(b, id, id);
	io_uring_buf_ring_advance(b->shared, (int)b->count);
	return 0;
}

int eider__buffers_open(struct eider__buffers *b, struct eider__ring *ring)
{
	void *p;
	int err;

	if (b->memory)
		return 0;
	err = eider__map(memory_size(b), &p);
	if (err < 0)
		return err;
	b->memory = p;
	if (!b->chosen_by_kernel)
		return 0;
	err = share_all(b, ring);
	if (err < 0) {
		eider__unmap(b->memory, memory_size(b));
		b->memory = NULL;
	}
	return err;
}

void eider__buffers_release(struct eider__buffers *b)
{
	if (b->shared)
		eider__unmap(b->shared, shared_size(b));
	if (b->memory)
		eider__unmap(b->memory, memory_size(b));
	b->shared = NULL;
	b->memory = NULL;
}

uint32_t eider__buffers_take(struct eider__buffers *b)
{
	uint32_t id = b->first_free;

	if (id != EIDER__NO_BUFFER) {
		memcpy(&b->first_free, eider__buffers_at(b, id), sizeof(id));
		return id;
	}
	return b->unused < b->count ? b->unused++ : EIDER__NO_BUFFER;
}

void eider__buffers_put(struct eider__buffers *b, uint32_t id)
{
	EIDER_DEBUG(id < b->count);
	b->puts++;
	if (b->shared) {
		share(b, id, 0);
		io_uring_buf_ring_advance(b->shared, 1);
		return;
	}
	memcpy(eider__buffers_at(b, id), &b->first_free, sizeof(id));
	b->first_free = id;
}
