/*
 * options.h - defaults, bounds and the environment (see eider/options.h)
 */
#ifndef EIDER_EXECUTOR_OPTIONS_H
#define EIDER_EXECUTOR_OPTIONS_H

#include <eider/options.h>

/* Fill @ret from @given, which may be NULL. 0, or -EINVAL. */
int eider__options_fill(const struct eider_options *given,
			struct eider_options *ret);

#endif
