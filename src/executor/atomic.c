/*
 * atomic.c - which functions are transactional
 *
 * Declarations are links in the caller's static memory, hashed by the function's
 * address into lists that only grow. So asking takes no lock, and the common answer
 * of a program that declares nothing costs one load.
 */
#include <eider/job.h>

#include "base/atomics.h"
#include "job.h"

enum {
	BUCKETS = 256,
};

static struct eider_atomic *buckets[BUCKETS];
uint32_t eider__any_atomic;

static struct eider_atomic **bucket_of(eider_fn *fn)
{
	uint64_t hash = (uint64_t)(uintptr_t)fn * UINT64_C(0x9e3779b97f4a7c15);

	return &buckets[hash >> 56];
}

void eider_declare_atomic(struct eider_atomic *a)
{
	struct eider_atomic **head = bucket_of(a->fn);
	struct eider_atomic *first = eider__load_acquire(head);

	do {
		a->_next = first;
	} while (!eider__cas_acq_rel(head, &first, a));
	eider__store_relaxed(&eider__any_atomic, 1);
}

const char *eider_atomic_name(eider_fn *fn)
{
	struct eider_atomic *a = eider__load_acquire(bucket_of(fn));

	while (a && a->fn != fn)
		a = a->_next;
	return a ? a->name : NULL;
}

bool eider_is_transactional(eider_fn *fn)
{
	return eider_atomic_name(fn) != NULL;
}
