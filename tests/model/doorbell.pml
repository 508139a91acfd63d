/*
 * doorbell.pml - the wake-up protocol of src/loop/inbox.c, with store buffers
 *
 * Each party has a store buffer, as an x86 CPU has: a store goes into it, and into
 * memory at some later time, in order; a load looks into memory, so the store of
 * one CPU can be passed by a later load of the same CPU. What inbox.c calls full
 * waits until the buffer is empty. Every order of everything is tried.
 *
 *	model				inbox.c
 *	-----				-------
 *	inbox				tail, less taken: how many places are given out
 *	state				state
 *	bells				CQEs of the doorbell on the loop's ring
 *	push, P2 P3 P4			eider__inbox_post(); push is P1
 *	L1 to L5			loop.c: sleep_until(), reap()
 *
 * Checked
 *
 *	lost	the loop waits, an item is in the inbox, no bell is due, and every
 *		poster has gone home: it would wait for ever
 *	W1	what was pushed before L1 is taken before the loop waits
 *	W2	no more bells than announcements
 *	once	what is taken is what was posted
 *
 * With one of these the check must fail; if it does not, it has no teeth:
 *
 *	-DNO_POSTER_BARRIER	P1 does not wait for its store to be in memory. (The
 *				locked CAS of x86 always does; "release" elsewhere
 *				does not.)
 *	-DNO_LOOP_BARRIER	L1 does not: a plain store on x86
 *	-DNO_SWAP		P3 is a load and a store instead of one swap: the store may
 *				wipe out the next announcement
 */
#define POSTERS 2
#define ITEMS 2			/* of each poster */
#define LOOP POSTERS		/* the loop's store buffer */

#define AWAKE 0
#define SLEEPING 1

/* What a store in a buffer is to. */
mtype = { to_state, to_inbox };

byte inbox;
bit state = AWAKE;
byte bells;

/* For the check alone. */
byte taken, pushed, announced, rung, home;
bool waiting;

chan buffer[POSTERS + 1] = [2] of { mtype, bit };

/* Memory takes a store, some time. */
active [POSTERS + 1] proctype cpu()
{
	mtype what;
	bit value;

end:	do
	:: atomic {
		buffer[_pid]?what, value;
		if
		:: what == to_state -> state = value
		:: what == to_inbox -> inbox++; pushed++
		fi
	   }
	od
}

#define drained(id) (empty(buffer[id]))

inline push(id)
{
	buffer[id]!to_inbox, 1;
#ifndef NO_POSTER_BARRIER
	drained(id);
#endif
}

inline ring()
{
	atomic { bells++; rung++; assert(rung <= announced) }	/* W2 */
}

proctype poster(byte id)
{
	byte n;
	bit got;

	do
	:: n == ITEMS -> break
	:: else ->
		n++;
		push(id);					/* P1 */
		if
		:: state == AWAKE
		:: state == SLEEPING ->				/* P2 */
#ifdef NO_SWAP
			got = state;
			atomic { drained(id) -> state = AWAKE }
#else
			atomic { drained(id) -> got = state; state = AWAKE } /* P3 */
#endif
			if
			:: got == SLEEPING -> ring()		/* P4 */
			:: else
			fi
		fi
	od;
	drained(id);
	home++
}

/* A store of the loop's to state. */
inline store(value)
{
	buffer[LOOP]!to_state, value
}

proctype loop()
{
	byte before;

	do
	:: taken == POSTERS * ITEMS -> break
	:: else ->
		atomic {					/* L1 */
			store(SLEEPING);
			announced++;
			before = pushed
		}
#ifndef NO_LOOP_BARRIER
		drained(LOOP);
#endif
		if
		:: inbox != 0					/* L2 */
		:: inbox == 0 ->
			assert(taken >= before);		/* W1 */
			waiting = true;
			atomic { bells > 0 -> bells = 0; waiting = false } /* L3 */
		fi;
		/* L4. The loop's own look at state sees its own store. */
		if
		:: drained(LOOP) && state == AWAKE
		:: drained(LOOP) && state != AWAKE -> store(AWAKE); drained(LOOP)
		:: nempty(buffer[LOOP]) -> store(AWAKE); drained(LOOP)
		fi;
		bells = 0;					/* reap_ring() */
		if
		:: inbox == 0
		:: inbox != 0 ->
			atomic {				/* L5 */
				drained(LOOP) ->
				taken = taken + inbox;
				inbox = 0;
				assert(taken <= POSTERS * ITEMS)
			}
		fi
	od
}

/* Nobody is left who could wake it. */
active proctype watch()
{
end:	atomic {
		waiting && bells == 0 && home == POSTERS && empty(buffer[LOOP]) ->
		assert(inbox == 0 && taken == POSTERS * ITEMS)
	}
}

init
{
	atomic {
		run poster(0);
		run poster(1);
		run loop()
	}
}
