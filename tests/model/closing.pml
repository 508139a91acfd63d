/*
 * closing.pml - the last look at a tray: src/loop/tray.c, "Closing"
 *
 * Store buffers and heavy as in tray.pml. A worker puts results there while their loop
 * is being freed.
 *
 *	model			tray.c, inbox.c
 *	-----			---------------
 *	target			of the worker's poster
 *	closing			of the inbox
 *	aside			what goes through the inbox instead
 *
 * Checked: when the loop is gone nothing comes to the tray any more, and nothing is
 * left there. With one of these the check must fail:
 *
 *	-DNO_HEAVY		closing without the heavy barrier
 *	-DNO_LIGHT		the worker looks at closing before it takes the inbox in
 *				hand
 *	-DNO_CLOSING		it does not look at all
 *	-DNO_WAIT		the loop does not wait for those who have it in hand
 *	-DNO_RELEASE		letting go comes to memory before what was put there
 */
#define WORKERS 2
#define ITEMS 2			/* of each worker */
#define LOOP WORKERS

mtype = { to_target, to_tail, to_closing };

bit target[WORKERS];
byte tail[WORKERS];
bit closing;

/* For the check alone. */
byte taken[WORKERS], aside[WORKERS];
bit gone;

chan buffer[WORKERS + 1] = [3] of { mtype, bit };

/* Memory takes a store, some time. */
active [WORKERS + 1] proctype cpu()
{
	mtype what;
	bit value;

end:	do
	:: atomic {
		buffer[_pid]?what, value;
		if
		:: what == to_target -> target[_pid] = value
		:: what == to_tail -> tail[_pid]++; assert(!gone)
		:: what == to_closing -> closing = value
		fi;
		value = 0
	   }
	od
}

#define drained(id) (empty(buffer[id]))

proctype worker(byte id)
{
	byte n;
	bit is_closing;

	do
	:: n == ITEMS -> break
	:: else ->
		n++;
#ifdef NO_LIGHT
		is_closing = closing;
		buffer[id]!to_target, 1;
#else
		buffer[id]!to_target, 1;
		is_closing = closing;
#endif
#ifdef NO_CLOSING
		is_closing = 0;
#endif
#ifdef NO_RELEASE
		buffer[id]!to_target, 0;
#endif
		if
		:: is_closing -> aside[id]++
		:: !is_closing -> buffer[id]!to_tail, 1
		fi;
#ifndef NO_RELEASE
		buffer[id]!to_target, 0
#endif
	od
}

inline empty_trays()
{
	taken[0] = tail[0];
	taken[1] = tail[1]
}

proctype loop()
{
	buffer[LOOP]!to_closing, 1;
	drained(LOOP);
#ifndef NO_HEAVY
	if
	:: drained(0); drained(1)
	:: drained(1); drained(0)
	fi;
#endif
#ifndef NO_WAIT
	!target[0];
	!target[1];
#endif
	empty_trays();
	gone = 1;
	assert(taken[0] == tail[0] && taken[1] == tail[1])
}

init
{
	atomic {
		run worker(0);
		run worker(1);
		run loop()
	}
}
