/*
 * features.h - what the kernel has, and what Eider uses of it
 *
 * Features are found by trying them, never by the kernel's version. Each has a
 * fallback, and each can be switched off, by options.disable or by its name in
 * the environment: EIDER_DISABLE=defer_taskrun,madv_guard.
 */
#ifndef EIDER_FEATURES_H
#define EIDER_FEATURES_H

#include <eider/base.h>
#include <eider/options.h>

#ifdef __cplusplus
extern "C" {
#endif

enum eider_feature {
	EIDER_FEATURE_CLAMP,		/* ring sizes are cut, not refused */
	EIDER_FEATURE_SUBMIT_ALL,	/* a bad entry does not stop the rest */
	EIDER_FEATURE_TASKRUN,		/* COOP_TASKRUN and TASKRUN_FLAG */
	EIDER_FEATURE_SINGLE_ISSUER,
	EIDER_FEATURE_DEFER_TASKRUN,	/* completions only when we ask */
	EIDER_FEATURE_EXT_ARG,		/* a wait with a timeout of its own */
	EIDER_FEATURE_REGISTERED_RING,	/* enter without a descriptor look-up */
	EIDER_FEATURE_SYNC_MSG,		/* doorbell sync */
	EIDER_FEATURE_MSG_RING,		/* doorbell ring */
	EIDER_FEATURE_EVENTFD,		/* doorbell eventfd */
	EIDER_FEATURE_MADV_GUARD,	/* guard pages without a mapping each */
	EIDER_FEATURE_MULTISHOT_ACCEPT,	/* one op accepts many connections */
	EIDER_FEATURE_BUFFER_RING,	/* the kernel takes a buffer when it has data */
	EIDER_FEATURE_MULTISHOT_RECV,	/* one op receives many times; needs that,
					   and on each loop defer_taskrun */
	EIDER_FEATURE_MEMBARRIER,	/* short jobs need no locked operation */
	EIDER_FEATURE_COUNT
};

#define EIDER_FEATURE_BIT(f) (UINT64_C(1) << (f))

enum eider_feature_state {
	EIDER_FEATURE_NO,		/* the kernel lacks it: error says how */
	EIDER_FEATURE_YES,
	EIDER_FEATURE_OFF,		/* switched off */
};

struct eider_features {
	struct {
		enum eider_feature_state state;
		int error;		/* -errno of the attempt, or 0 */
	} of[EIDER_FEATURE_COUNT];
	enum eider_doorbell doorbell;	/* in use */
	enum eider_delivery delivery;	/* in use */
};

/*
 * [any] What @executor found and uses. Its loops may use less: one that is polled has
 * no defer_taskrun.
 */
EIDER_API void eider_executor_features(const struct eider_executor *executor,
				       struct eider_features *ret_features);

/* [any] The name that EIDER_DISABLE and reports use; NULL if out of range. */
EIDER_API const char *eider_feature_name(enum eider_feature feature);

/* [any] One line: what it is for, and what is done without. */
EIDER_API const char *eider_feature_purpose(enum eider_feature feature);

/* [any] "sync", "ring", "eventfd"; "list", "each". */
EIDER_API const char *eider_doorbell_name(enum eider_doorbell doorbell);
EIDER_API const char *eider_delivery_name(enum eider_delivery delivery);

#ifdef __cplusplus
}
#endif

#endif
