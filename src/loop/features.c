/*
 * features.c - find out by trying
 *
 * A set-up flag is there if a ring can be made with it. A doorbell is there if it
 * makes a round trip: a ring like a loop's own, rung by each of the three, must see
 * the completion. What a kernel's version says is of no interest: distributions
 * backport in both directions, and sandboxes take away.
 */
#include "features.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "doorbell.h"

static const struct {
	const char *name, *purpose;
} texts[EIDER_FEATURE_COUNT] = {
	[EIDER_FEATURE_CLAMP] = { "clamp",
		"ring sizes beyond the kernel's limit are cut; without, refused" },
	[EIDER_FEATURE_SUBMIT_ALL] = { "submit_all",
		"an entry in error does not hold up the rest of its batch" },
	[EIDER_FEATURE_TASKRUN] = { "taskrun",
		"completions do not interrupt the loop; without, they do" },
	[EIDER_FEATURE_SINGLE_ISSUER] = { "single_issuer",
		"the kernel need not expect a second submitter" },
	[EIDER_FEATURE_DEFER_TASKRUN] = { "defer_taskrun",
		"completions are made when the loop asks; without, at once" },
	[EIDER_FEATURE_EXT_ARG] = { "ext_arg",
		"a wait has a timeout of its own; without, a timeout entry each" },
	[EIDER_FEATURE_REGISTERED_RING] = { "registered_ring",
		"entering the kernel looks up no descriptor" },
	[EIDER_FEATURE_SYNC_MSG] = { "sync_msg",
		"doorbell sync: one call, no ring on the sender's side" },
	[EIDER_FEATURE_MSG_RING] = { "msg_ring",
		"doorbell ring: a message from the sender's own small ring" },
	[EIDER_FEATURE_EVENTFD] = { "eventfd",
		"doorbell eventfd: a write, and a read on the loop's ring" },
	[EIDER_FEATURE_MADV_GUARD] = { "madv_guard",
		"guard pages without a mapping each; without, two a fiber" },
	[EIDER_FEATURE_MULTISHOT_ACCEPT] = { "multishot_accept",
		"one op accepts many connections; without, an op each" },
	[EIDER_FEATURE_BUFFER_RING] = { "buffer_ring",
		"the kernel takes a buffer when it has data; without, poll first" },
	[EIDER_FEATURE_MULTISHOT_RECV] = { "multishot_recv",
		"one op receives for a connection's life; without, an op each" },
	[EIDER_FEATURE_MEMBARRIER] = { "membarrier",
		"short jobs need no locked operation; without, two each" },
};

const char *eider_feature_name(enum eider_feature f)
{
	return (unsigned int)f < EIDER_FEATURE_COUNT ? texts[f].name : NULL;
}

const char *eider_feature_purpose(enum eider_feature f)
{
	return (unsigned int)f < EIDER_FEATURE_COUNT ? texts[f].purpose : NULL;
}

const char *eider_doorbell_name(enum eider_doorbell d)
{
	static const char *const names[] = { "auto", "sync", "ring", "eventfd" };

	return (unsigned int)d < 4 ? names[d] : NULL;
}

const char *eider_delivery_name(enum eider_delivery d)
{
	static const char *const names[] = { "auto", "list", "each" };

	return (unsigned int)d < 3 ? names[d] : NULL;
}

int eider__features_parse(const char *text, uint64_t *ret_bits)
{
	uint64_t bits = 0;

	while (*text) {
		size_t len = strcspn(text, ",");
		int f;

		for (f = 0; f < EIDER_FEATURE_COUNT; f++)
			if (strlen(texts[f].name) == len &&
			    !strncmp(text, texts[f].name, len))
				break;
		if (f == EIDER_FEATURE_COUNT && len)
			return -EINVAL;
		if (len)
			bits |= EIDER_FEATURE_BIT(f);
		text += len + (text[len] == ',');
	}
	*ret_bits = bits;
	return 0;
}

enum eider_feature eider__doorbell_feature(enum eider_doorbell d)
{
	switch (d) {
	case EIDER_DOORBELL_SYNC:
		return EIDER_FEATURE_SYNC_MSG;
	case EIDER_DOORBELL_RING:
		return EIDER_FEATURE_MSG_RING;
	default:
		return EIDER_FEATURE_EVENTFD;
	}
}

eider__features_t eider__features_in_use(const struct eider_features *f)
{
	eider__features_t use = 0;

	for (int i = 0; i < EIDER_FEATURE_COUNT; i++)
		if (f->of[i].state == EIDER_FEATURE_YES)
			use |= EIDER_FEATURE_BIT(i);
	return use;
}

static void found(struct eider_features *f, int feature, int err)
{
	if (f->of[feature].state == EIDER_FEATURE_OFF)
		return;
	f->of[feature].state = err < 0 ? EIDER_FEATURE_NO : EIDER_FEATURE_YES;
	f->of[feature].error = err < 0 ? err : 0;
}

static void probe_flags(struct eider_features *f)
{
	unsigned int ignored;

	for (int i = 0; i < EIDER_FEATURE_COUNT; i++) {
		unsigned int flags = eider__ring_flags((enum eider_feature)i);

		if (flags)
			found(f, i, eider__ring_try(flags, &ignored));
	}
}

static void probe_guard(struct eider_features *f)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;
	int err = eider__map(2 * page, &p);

	if (!err) {
		err = eider__guard(p, page);
		eider__unmap(p, 2 * page);
	}
	found(f, EIDER_FEATURE_MADV_GUARD, err);
}

/* Does a ring hear it? Nothing else is on @home. */
static int make_round_trip(struct eider__ring *home, struct eider__bell *bell,
			   struct eider__poster *poster)
{
	struct eider__cqe cqe;
	int err = eider__bell_arm(bell, home);

	if (!err)
		err = eider__ring_submit(home);
	if (!err)
		err = eider__bell_ring(bell, poster, EIDER__TAG_BELL);
	if (!err)
		err = eider__ring_wait(home, eider_after(1000000000));
	if (err < 0)
		return err;
	if (!eider__ring_next(home, &cqe))
		return -ETIME;
	return cqe.res < 0 ? cqe.res : 0;
}

static int probe_doorbell(enum eider_doorbell kind, eider__features_t use)
{
	struct eider__poster poster;
	struct eider__bell bell;
	struct eider__ring home;
	int err = eider__ring_init(&home, 4, use);

	if (err < 0)
		return err;
	err = eider__bell_init(&bell, kind, &home);
	if (!err) {
		err = eider__poster_init(&poster, kind);
		if (!err) {
			err = make_round_trip(&home, &bell, &poster);
			eider__poster_release(&poster);
		}
		eider__bell_release(&bell);
	}
	eider__ring_release(&home);
	return err;
}

static int choose_doorbell(struct eider_features *f, const struct eider_options *o)
{
	eider__features_t use = eider__features_in_use(f);

	for (int d = EIDER_DOORBELL_SYNC; d <= EIDER_DOORBELL_EVENTFD; d++) {
		int feature = eider__doorbell_feature((enum eider_doorbell)d);

		if (f->of[feature].state != EIDER_FEATURE_OFF)
			found(f, feature,
			      probe_doorbell((enum eider_doorbell)d, use));
		if (f->doorbell == EIDER_DOORBELL_AUTO &&
		    f->of[feature].state == EIDER_FEATURE_YES &&
		    (o->doorbell == EIDER_DOORBELL_AUTO ||
		     o->doorbell == (enum eider_doorbell)d))
			f->doorbell = (enum eider_doorbell)d;
	}
	return f->doorbell == EIDER_DOORBELL_AUTO ? -EOPNOTSUPP : 0;
}

static void probe_registered_ring(struct eider_features *f)
{
	struct eider__ring ring;
	int err = eider__ring_init(&ring, 4,
				   EIDER_FEATURE_BIT(EIDER_FEATURE_REGISTERED_RING));

	if (!err) {
		err = ring.registered ? 0 : -EINVAL;
		eider__ring_release(&ring);
	}
	found(f, EIDER_FEATURE_REGISTERED_RING, err);
}

static bool is_off(const struct eider_features *f, int feature)
{
	return f->of[feature].state == EIDER_FEATURE_OFF;
}

/* Receiving many times is receiving with a buffer ring: where it works, that does. */
static void probe_io(struct eider_features *f)
{
	int err = -EINVAL;

	if (!is_off(f, EIDER_FEATURE_MULTISHOT_ACCEPT))
		found(f, EIDER_FEATURE_MULTISHOT_ACCEPT,
		      eider__probe_multishot_accept());
	if (!is_off(f, EIDER_FEATURE_MULTISHOT_RECV)) {
		err = eider__probe_multishot_recv();
		found(f, EIDER_FEATURE_MULTISHOT_RECV, err);
	}
	if (!is_off(f, EIDER_FEATURE_BUFFER_RING))
		found(f, EIDER_FEATURE_BUFFER_RING,
		      err < 0 ? eider__probe_buffer_ring() : 0);
}

int eider__features_probe(struct eider_features *f, const struct eider_options *o)
{
	unsigned int kernel;
	int err;

	memset(f, 0, sizeof(*f));
	err = eider__ring_try(0, &kernel);
	if (err < 0)
		return err;
	if (!(kernel & IORING_FEAT_NODROP))
		return -EOPNOTSUPP;
	for (int i = 0; i < EIDER_FEATURE_COUNT; i++)
		if (o->disable & EIDER_FEATURE_BIT(i))
			f->of[i].state = EIDER_FEATURE_OFF;
	probe_flags(f);
	found(f, EIDER_FEATURE_EXT_ARG, kernel & IORING_FEAT_EXT_ARG ? 0 : -EINVAL);
	probe_registered_ring(f);
	probe_guard(f);
	if (!is_off(f, EIDER_FEATURE_MEMBARRIER))
		found(f, EIDER_FEATURE_MEMBARRIER, eider__barrier_prepare());
	probe_io(f);
	f->delivery = o->delivery == EIDER_DELIVERY_EACH ? EIDER_DELIVERY_EACH :
							   EIDER_DELIVERY_LIST;
	return choose_doorbell(f, o);
}
