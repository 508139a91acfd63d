/*
 * assert.h - two levels of being sure
 *
 *	EIDER_ASSERT	always: a broken invariant of ours ends the process with
 *			its text before it can do harm
 *	EIDER_DEBUG	in debug builds (DEBUG=1, and all test builds)
 *
 * Bad arguments of a caller are never asserted: they are answered with -EINVAL.
 */
#ifndef EIDER_BASE_ASSERT_H
#define EIDER_BASE_ASSERT_H

__attribute__((noreturn, cold)) void eider__assert_failed(const char *what,
							  const char *file,
							  int line);

#define EIDER_ASSERT(what)                                                     \
	do {                                                                   \
		if (__builtin_expect(!(what), 0))                              \
			eider__assert_failed(#what, __FILE__, __LINE__);       \
	} while (0)

#ifdef EIDER_DEBUG_BUILD
#define EIDER_DEBUG(what) EIDER_ASSERT(what)
#else
#define EIDER_DEBUG(what) ((void)sizeof(what))
#endif

#define eider__container(ptr, type, member)                                    \
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif
