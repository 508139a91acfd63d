/*
 * options.c - see options.h
 *
 * Three sources, the later ones first: the environment, so that a test or an
 * operator can force a fallback in any program; the caller's struct; the defaults.
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/features.h"

enum {
	STACK_BYTES_MIN = 16384,
};

/* Sanitized frames are several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_BYTES = 262144 };
#else
enum { STACK_BYTES = 65536 };
#endif

static unsigned int default_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus * 4 > 8 ? (unsigned int)cpus * 4 : 8;
}

#define DEFAULT(field, value)                                                  \
	do {                                                                   \
		if (!(o)->field)                                                 \
			o->field = value;                                      \
	} while (0)

static void fill_defaults(struct eider_options *o)
{
	o->size = sizeof(*o);
	DEFAULT(loops, 1);
	DEFAULT(ring_entries, 256);
	DEFAULT(fibers_max, 1048576);
	DEFAULT(stack_bytes, STACK_BYTES);
	DEFAULT(stacks_cached, 256);
	DEFAULT(recv_buffers, 256);
	DEFAULT(recv_buffer_bytes, 4096);
	DEFAULT(workers_max, default_workers());
	DEFAULT(queue_max, 1048576);
	DEFAULT(keepalive_ns, INT64_C(10000000000));
	DEFAULT(txn_threads_max, 16);
	DEFAULT(free_level, 50);
	DEFAULT(poll_ns, 50000);
	DEFAULT(slow_job_ns, 300000000);
	DEFAULT(loop_stall_ns, 25000000);
	DEFAULT(shutdown_ns, EIDER_NEVER);
}

static bool is_power_of_two(unsigned int n)
{
	return !(n & (n - 1));
}

static bool in_range(const struct eider_options *o)
{
	return o->loops <= 1024 && o->ring_entries >= 4 &&
	       o->ring_entries <= 32768 && o->stack_bytes >= STACK_BYTES_MIN &&
	       o->stack_bytes <= (size_t)1 << 30 && o->workers_max <= 4096 &&
	       is_power_of_two(o->recv_buffers) && o->recv_buffers >= 4 &&
	       o->recv_buffers <= 32768 && o->recv_buffer_bytes >= 512 &&
	       o->recv_buffer_bytes <= 1048576 && o->slice_ns >= 0 &&
	       o->txn_threads_max <= 65536 && o->free_level <= 100 &&
	       o->keepalive_ns > 0 && o->slow_job_ns > 0 &&
	       o->loop_stall_ns > 0 && o->shutdown_ns > 0 &&
	       o->disable < EIDER_FEATURE_BIT(EIDER_FEATURE_COUNT) &&
	       (unsigned int)o->doorbell <= EIDER_DOORBELL_EVENTFD &&
	       (unsigned int)o->delivery <= EIDER_DELIVERY_EACH;
}

static int say_bad(const char *name, const char *value)
{
	fprintf(stderr, "eider: %s=%s is not understood\n", name, value);
	return -EINVAL;
}

/* The value of @name as an index to the names that @name_of gives, or -EINVAL. */
static int from_environment(const char *name, const char *(*name_of)(int),
			    int unset)
{
	const char *value = getenv(name);
	const char *known;

	if (!value || !*value)
		return unset;
	for (int i = 0; (known = name_of(i)); i++)
		if (!strcmp(known, value))
			return i;
	return say_bad(name, value);
}

static const char *doorbell_name(int i)
{
	return eider_doorbell_name((enum eider_doorbell)i);
}

static const char *delivery_name(int i)
{
	return eider_delivery_name((enum eider_delivery)i);
}

static int apply_environment(struct eider_options *o)
{
	const char *off = getenv("EIDER_DISABLE");
	int doorbell = from_environment("EIDER_DOORBELL", doorbell_name,
					(int)o->doorbell);
	int delivery = from_environment("EIDER_DELIVERY", delivery_name,
					(int)o->delivery);
	uint64_t bits = 0;

	if (doorbell < 0 || delivery < 0)
		return -EINVAL;
	if (off && eider__features_parse(off, &bits) < 0)
		return say_bad("EIDER_DISABLE", off);
	o->doorbell = (enum eider_doorbell)doorbell;
	o->delivery = (enum eider_delivery)delivery;
	o->disable |= bits;
	return 0;
}

int eider__options_fill(const struct eider_options *given,
			struct eider_options *ret)
{
	struct eider_options o;

	memset(&o, 0, sizeof(o));
	if (given) {
		if (given->size < sizeof(given->size) || given->size > sizeof(o))
			return -EINVAL;
		memcpy(&o, given, given->size);
	}
	if (apply_environment(&o) < 0)
		return -EINVAL;
	fill_defaults(&o);
	if (!in_range(&o))
		return -EINVAL;
	*ret = o;
	return 0;
}
