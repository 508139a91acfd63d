/*
 * switch.h - leave one stack, go on on another
 *
 * About fifteen instructions for x86-64 and aarch64, ucontext elsewhere or with
 * -DEIDER_UCONTEXT. AddressSanitizer, ThreadSanitizer and Valgrind are told of
 * every stack and every switch; without them the calls vanish. No setjmp(): a
 * longjmp() to another stack aborts under _FORTIFY_SOURCE.
 *
 * What is saved is what the psABI calls callee-saved, the floating-point control
 * words excepted: they are the thread's, see eider/fiber.h.
 */
#ifndef EIDER_FIBER_SWITCH_H
#define EIDER_FIBER_SWITCH_H

#include <stddef.h>

#if defined(EIDER_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#define EIDER_USE_UCONTEXT 1
#include <ucontext.h>
#else
#define EIDER_USE_UCONTEXT 0
#endif

/* A stack that is not being run on. */
struct eider__switch {
#if EIDER_USE_UCONTEXT
	ucontext_t uc;
#endif
	void *sp;
	void *bottom;			/* for the sanitizers */
	size_t bytes;
	void *fake_stack;
	void *tsan_fiber;
	unsigned int valgrind_id;
};

/* The stack of the calling thread. */
void eider__switch_init_home(struct eider__switch *s);

/* A stack of [bottom, bottom + bytes) on which entry(arg) runs; never returns. */
void eider__switch_init(struct eider__switch *s, void *bottom, size_t bytes,
			void (*entry)(void *), void *arg);
void eider__switch_release(struct eider__switch *s);

/* Store where we are to @from, go on at @to. */
void eider__switch_to(struct eider__switch *from, struct eider__switch *to);
/* The same, never to come back: @from's stack may be used anew. */
void eider__switch_last(struct eider__switch *from, struct eider__switch *to);
/* First thing on a new stack. */
void eider__switch_arrived(struct eider__switch *here, struct eider__switch *from);

#endif
