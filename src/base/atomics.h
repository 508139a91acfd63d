/*
 * atomics.h - the only door to atomic operations
 *
 * One name per operation and order, over plain members. A use that is not
 * relaxed names its partner in a comment ("pairs with ...").
 *
 * There is no fence for the CPU: ThreadSanitizer does not understand them. Who needs a
 * store to be seen before a later load says so with operations of the total order,
 * "full" here, or with a lopsided barrier.
 */
#ifndef EIDER_BASE_ATOMICS_H
#define EIDER_BASE_ATOMICS_H

#define eider__load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define eider__load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define eider__load_full(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)

#define eider__store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define eider__store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define eider__store_full(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

#define eider__swap_full(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define eider__swap_acq_rel(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)

/* True if *p was *expected and is now @v; else *expected is what *p was. */
#define eider__cas_full(p, expected, v)                                        \
	__atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST,       \
				    __ATOMIC_SEQ_CST)
#define eider__cas_acq_rel(p, expected, v)                                     \
	__atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_ACQ_REL,       \
				    __ATOMIC_ACQUIRE)

#define eider__or_acq_rel(p, v) __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define eider__and_acq_rel(p, v) __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)

/*
 * The cheap half of a lopsided barrier: the compiler keeps the order, the CPU need
 * not. Pairs with eider__barrier_heavy() (sys.h), which makes it keep it.
 */
#define eider__barrier_light() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Ask for the memory at @p, which another CPU has written, to write there; or NULL. */
#ifdef __x86_64__
#define eider__prefetch_write(p)                                               \
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#else
#define eider__prefetch_write(p) __builtin_prefetch(p, 1)
#endif

/* Counters; the value before. */
#define eider__add_full(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define eider__add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define eider__sub_acq_rel(p, v) __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL)

/* Between two looks at what another thread will change. */
#if defined(__x86_64__) || defined(__i386__)
#define eider__cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define eider__cpu_relax() __asm__ volatile("yield")
#else
#define eider__cpu_relax() ((void)0)
#endif

/* A counter of the one thread that stores there, while others load: no locked one. */
#define eider__count(p, v) eider__store_relaxed(p, *(p) + (v))

#endif
