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

#if defined(__SANITIZE_ADDRESS__)
#define EIDER_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EIDER_WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define EIDER_WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EIDER_WITH_TSAN 1
#endif
#endif
/* A stack that is not being run on. */
struct eider__switch {
#if EIDER_USE_UCONTEXT
	ucontext_t uc;
#endif
	void *sp;
	unsigned int valgrind_id;
#ifdef EIDER_WITH_ASAN
	void *bottom;
	size_t bytes;
	void *fake_stack;
#endif
#ifdef EIDER_WITH_TSAN
	void *tsan_fiber;
#endif
};

/* The stack of the calling thread. */
void eider__switch_init_home(struct eider__switch *s);

/* A stack of [bottom, bottom + bytes) on which entry(arg) runs; never returns. */
void eider__switch_init(struct eider__switch *s, void *bottom, size_t bytes,
			void (*entry)(void *), void *arg);
void eider__switch_release(struct eider__switch *s);

/* First thing on a new stack. */
void eider__switch_arrived(struct eider__switch *here, struct eider__switch *from);

/*
 * Store where we are to @from, go on at @to. Inlined all the way: a processor predicts
 * returns by the calls it saw, so on another stack every return is a surprise. The
 * fewer frames there are above the switch, the fewer surprises.
 */
static inline __attribute__((always_inline)) void
eider__switch_to(struct eider__switch *from, struct eider__switch *to);
/* The same, never to come back: @from's stack may be used anew. */
static inline __attribute__((always_inline, noreturn)) void
eider__switch_last(struct eider__switch *from, struct eider__switch *to);

/* ---- the above, for the compiler ---- */

#ifdef EIDER_WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef EIDER_WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/*
 * Store sp to *from, load it from @to; the rest is on both sides' stacks, with the
 * address to go on at on top.
 */
#if !EIDER_USE_UCONTEXT && defined(__x86_64__)
static inline __attribute__((always_inline)) void
eider__switch_stacks(void **from, void *to)
{
	/*
	 * rbp may be the frame pointer, which cannot be declared as clobbered. Below
	 * rsp the compiler may keep 128 bytes (the red zone).
	 */
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
			 "pushq %%rbp\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "movq %%rsp, (%0)\n\t"
			 "movq %1, %%rsp\n\t"
			 "popq %%rax\n\t"
			 "jmp *%%rax\n"
			 "1:\n\t"
			 "popq %%rbp\n\t"
			 "leaq 128(%%rsp), %%rsp\n\t"
			 : "+D"(from), "+S"(to)
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
			   "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}
#elif !EIDER_USE_UCONTEXT
void eider__switch_stacks(void **from, void *to);
#endif

static inline __attribute__((always_inline)) void
eider__switch_bare(struct eider__switch *from, struct eider__switch *to)
{
#ifdef EIDER_WITH_TSAN
	__tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
#if EIDER_USE_UCONTEXT
	swapcontext(&from->uc, &to->uc);
#else
	eider__switch_stacks(&from->sp, to->sp);
#endif
}

static inline void eider__switch_to(struct eider__switch *from,
				    struct eider__switch *to)
{
#ifdef EIDER_WITH_ASAN
	__sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->bytes);
#endif
	eider__switch_bare(from, to);
#ifdef EIDER_WITH_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

static inline void eider__switch_last(struct eider__switch *from,
				      struct eider__switch *to)
{
#ifdef EIDER_WITH_ASAN
	__sanitizer_start_switch_fiber(NULL, to->bottom, to->bytes);
#endif
	eider__switch_bare(from, to);
	__builtin_unreachable();
}

#endif
