/*
 * switch.c - see switch.h
 *
 * A suspended stack:
 *
 *	x86-64	sp ->	address to go on at
 *			frame pointer
 *			128 bytes that belong to the compiler
 *		(all other registers: the compiler saves what it needs)
 *	aarch64	sp ->	callee-saved registers, the address to go on at among them
 *
 * A new one goes on at a thunk that calls entry(arg), which it finds on the stack or
 * in registers. The thunk's frame tells unwinders that there is nothing above it.
 */
#include "switch.h"

#include <stdint.h>
#include <string.h>

#ifdef EIDER_WITH_ASAN
#include <pthread.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#if !EIDER_USE_UCONTEXT
void eider__switch_thunk(void);
#endif

#if !EIDER_USE_UCONTEXT && defined(__x86_64__)

__asm__(".text\n"
	".p2align 4\n"
	".globl eider__switch_thunk\n"
	".hidden eider__switch_thunk\n"
	".type eider__switch_thunk, @function\n"
	"eider__switch_thunk:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	popq %rax\n"
	"	popq %rdi\n"
	"	xorl %ebp, %ebp\n"
	"	callq *%rax\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size eider__switch_thunk, . - eider__switch_thunk\n");

static void *new_stack(char *top, void (*entry)(void *), void *arg)
{
	void **sp = (void **)((uintptr_t)top & ~(uintptr_t)15);

	*--sp = NULL;			/* the thunk calls from 16-byte aligned */
	*--sp = NULL;
	*--sp = arg;
	*--sp = (void *)(uintptr_t)entry;
	*--sp = (void *)(uintptr_t)eider__switch_thunk;
	return sp;
}

#elif !EIDER_USE_UCONTEXT && defined(__aarch64__)

__asm__(".text\n"
	".p2align 4\n"
	".globl eider__switch_stacks\n"
	".hidden eider__switch_stacks\n"
	".type eider__switch_stacks, %function\n"
	"eider__switch_stacks:\n"
	"	.cfi_startproc\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size eider__switch_stacks, . - eider__switch_stacks\n"
	".p2align 4\n"
	".globl eider__switch_thunk\n"
	".hidden eider__switch_thunk\n"
	".type eider__switch_thunk, %function\n"
	"eider__switch_thunk:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	mov x0, x20\n"
	"	blr x19\n"
	"	brk #0\n"
	"	.cfi_endproc\n"
	".size eider__switch_thunk, . - eider__switch_thunk\n");

static void *new_stack(char *top, void (*entry)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15) - 20;

	memset(sp, 0, 160);
	sp[0] = (uintptr_t)entry;			/* x19 */
	sp[1] = (uintptr_t)arg;				/* x20 */
	sp[11] = (uintptr_t)eider__switch_thunk;	/* x30 */
	return sp;
}

#endif

void eider__switch_init_home(struct eider__switch *s)
{
	memset(s, 0, sizeof(*s));
#ifdef EIDER_WITH_TSAN
	s->tsan_fiber = __tsan_get_current_fiber();
#endif
#ifdef EIDER_WITH_ASAN
	pthread_attr_t attr;

	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstack(&attr, &s->bottom, &s->bytes);
		pthread_attr_destroy(&attr);
	}
#endif
}

#if EIDER_USE_UCONTEXT
/* makecontext() passes ints. */
static void enter_by_halves(unsigned int entry_low, unsigned int entry_high,
			    unsigned int arg_low, unsigned int arg_high)
{
	uintptr_t entry = entry_low, arg = arg_low;

	entry |= (uintptr_t)((uint64_t)entry_high << 32);
	arg |= (uintptr_t)((uint64_t)arg_high << 32);
	((void (*)(void *))entry)((void *)arg);
}
#endif

void eider__switch_init(struct eider__switch *s, void *bottom, size_t bytes,
			void (*entry)(void *), void *arg)
{
	memset(s, 0, sizeof(*s));
#ifdef EIDER_WITH_ASAN
	s->bottom = bottom;
	s->bytes = bytes;
#endif
#if EIDER_USE_UCONTEXT
	getcontext(&s->uc);
	s->uc.uc_stack.ss_sp = bottom;
	s->uc.uc_stack.ss_size = bytes;
	s->uc.uc_link = NULL;
	makecontext(&s->uc, (void (*)(void))enter_by_halves, 4,
		    (unsigned int)(uintptr_t)entry,
		    (unsigned int)((uint64_t)(uintptr_t)entry >> 32),
		    (unsigned int)(uintptr_t)arg,
		    (unsigned int)((uint64_t)(uintptr_t)arg >> 32));
#else
	s->sp = new_stack((char *)bottom + bytes, entry, arg);
#endif
#ifdef EIDER_WITH_TSAN
	s->tsan_fiber = __tsan_create_fiber(0);
#endif
#ifdef VALGRIND_STACK_REGISTER
	s->valgrind_id = VALGRIND_STACK_REGISTER(bottom, (char *)bottom + bytes);
#endif
}

void eider__switch_release(struct eider__switch *s)
{
	(void)s;
#ifdef EIDER_WITH_TSAN
	__tsan_destroy_fiber(s->tsan_fiber);
#endif
#ifdef VALGRIND_STACK_DEREGISTER
	VALGRIND_STACK_DEREGISTER(s->valgrind_id);
#endif
}

void eider__switch_arrived(struct eider__switch *here, struct eider__switch *from)
{
	(void)here;
	(void)from;
#ifdef EIDER_WITH_ASAN
	__sanitizer_finish_switch_fiber(here->fake_stack, NULL, NULL);
#endif
}
