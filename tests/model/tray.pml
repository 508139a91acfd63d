/*
 * tray.pml - the lopsided wake-up protocol of src/loop/tray.c, with store buffers
 *
 * Store buffers as in doorbell.pml: stores come to memory some time later, in order;
 * loads look into memory. "light" keeps the compiler from changing the order of what a
 * worker does, so here it is the order of the steps. "full" waits until the own buffer
 * is empty.
 *
 * "heavy" is membarrier(2). All it promises is that each of the other threads passes
 * a barrier some time during the call: that its buffer is empty for a moment. Not the
 * same moment for all, and in no order; this is what heavy() does, and no more.
 *
 *	model				tray.c, inbox.c
 *	-----				---------------
 *	in_use, tail			of the worker's tray
 *	taken				its head: the loop's own, so nobody else reads it
 *	state, bells			as in doorbell.pml
 *	T1 to T4			run_batch(), put_on_tray()
 *	L1 to L5			sleep_until(), reap()
 *
 * Checked: lost, W2 and once, as in doorbell.pml. With one of these the check must fail:
 *
 *	-DNO_HEAVY		the loop never asks for the heavy barrier
 *	-DHEAVY_FIRST		it asks before it announces sleep
 *	-DHEAVY_FOR_ONE		only one of the workers passes a barrier
 *	-DNO_T1_BARRIER		T1 is not full, while the loop leaves out the heavy
 *				barrier if it finds no tray in use
 *	-DNO_LOOP_BARRIER	L1 is not full
 *	-DNO_T4_RELEASE		T4 comes to memory before what was put there
 *	-DNO_LIGHT		the worker looks at the state before it fills the place
 *
 * And with -DALWAYS_HEAVY -DNO_T1_BARRIER it must hold: T1 need be full only for what
 * the loop leaves out. -DLONG_BATCH: one batch of each worker, instead of two.
 */
#define WORKERS 2
#ifdef LONG_BATCH
#define BATCHES 1
#define ITEMS 2			/* of each batch */
#else
#define BATCHES 2
#define ITEMS 1
#endif
#define LOOP WORKERS		/* the loop's store buffer */

#define AWAKE 0
#define SLEEPING 1

/* What a store in a buffer is to. */
mtype = { to_in_use, to_tail, to_state };

bit in_use[WORKERS];
byte tail[WORKERS];
bit state = AWAKE;
byte bells;

/* For the check alone. */
byte taken[WORKERS];
byte announced, rung, home, all_taken;
bool waiting;

chan buffer[WORKERS + 1] = [4] of { mtype, bit };

/* Memory takes a store, some time. */
active [WORKERS + 1] proctype cpu()
{
	mtype what;
	bit value;

end:	do
	:: atomic {
		buffer[_pid]?what, value;
		if
		:: what == to_in_use -> in_use[_pid] = value
		:: what == to_tail -> tail[_pid]++
		:: what == to_state -> state = value
		fi;
		value = 0
	   }
	od
}

#define drained(id) (empty(buffer[id]))

inline ring()
{
	atomic { bells++; rung++; assert(rung <= announced) }	/* W2 */
}

/* P3 and P4 of inbox.c. */
inline wake()
{
	atomic { drained(id) -> got = state; state = AWAKE };
	if
	:: got == SLEEPING -> ring()
	:: else
	fi;
	got = 0
}

inline put_and_look()
{
#ifdef NO_LIGHT
	got = state;
	buffer[id]!to_tail, 1;
	if
	:: got == SLEEPING -> wake()
	:: else
	fi
#else
	buffer[id]!to_tail, 1;					/* T2 */
	if
	:: state == SLEEPING -> wake()				/* T3 */
	:: state == AWAKE
	fi
#endif
}

proctype worker(byte id)
{
	byte batch, item;
	bit got;

	do
	:: batch == BATCHES -> break
	:: else ->
		batch++;
		buffer[id]!to_in_use, 1;			/* T1 */
#ifndef NO_T1_BARRIER
		drained(id);
#endif
		item = 0;
		do
		:: item == ITEMS -> break
		:: else -> item++; put_and_look()
		od;
#ifdef NO_T4_RELEASE
		in_use[id] = 0
#else
		buffer[id]!to_in_use, 0				/* T4 */
#endif
	od;
	drained(id);
	home++
}

/* The caller's own first, and then for each of the others a moment. */
inline heavy()
{
	drained(LOOP);
#ifdef HEAVY_FOR_ONE
	drained(0)
#else
	if
	:: drained(0); drained(1)
	:: drained(1); drained(0)
	fi
#endif
}

/* The look of L2 at the trays' being in use, one after the other. */
inline look_for_trays()
{
	used = in_use[0];
#ifdef ALWAYS_HEAVY
	used = 1;
#endif
	if
	:: used
	:: !used -> used = in_use[1]
	fi
}

/* What is on the tray of worker w. */
inline empty_tray(w)
{
	atomic {
		all_taken = all_taken + (tail[w] - taken[w]);
		taken[w] = tail[w];
		assert(taken[w] <= BATCHES * ITEMS)
	}
}

proctype loop()
{
	bit used;

	do
	:: all_taken == WORKERS * BATCHES * ITEMS -> break
	:: else ->
#ifdef HEAVY_FIRST
		heavy();
#endif
		atomic {					/* L1 */
			buffer[LOOP]!to_state, SLEEPING;
			announced++
		}
#ifndef NO_LOOP_BARRIER
		drained(LOOP);
#endif
		look_for_trays();				/* L2 */
#if !defined(NO_HEAVY) && !defined(HEAVY_FIRST)
		if
		:: used -> heavy()
		:: !used
		fi;
#endif
		used = 0;
		if
		:: tail[0] != taken[0]
		:: tail[0] == taken[0] ->
			if
			:: tail[1] != taken[1]
			:: tail[1] == taken[1] ->
				waiting = true;
				atomic { bells > 0 ->
					bells = 0; waiting = false } /* L3 */
			fi
		fi;
		/* L4. The loop's own look at state sees its own store. */
		drained(LOOP);
		if
		:: state == AWAKE
		:: state != AWAKE -> buffer[LOOP]!to_state, AWAKE; drained(LOOP)
		fi;
		bells = 0;					/* reap_ring() */
		empty_tray(0);					/* L5 */
		empty_tray(1)
	od
}

/* Nobody is left who could wake it. */
active proctype watch()
{
end:	atomic {
		waiting && bells == 0 && home == WORKERS && empty(buffer[LOOP]) ->
		assert(all_taken == WORKERS * BATCHES * ITEMS)
	}
}

init
{
	atomic {
		run worker(0);
		run worker(1);
		run loop()
	}
}
