/*
 * parking.pml - how an idle watchdog is woken: src/observe/watchdog.c
 *
 * The same pair of stores and loads as in doorbell.pml, with the same store
 * buffers; see there.
 *
 *	B1 B2	a thread that becomes busy: eider__watched_begin() and
 *		eider__watchdog_busy()
 *	D1 D2	park_locked()
 *
 * Checked: the watchdog never sleeps while a thread that has told it that it is
 * busy (is past B2) runs something: nobody would watch that. It may for the moment
 * in which another thread, with the lock, is about to wake it.
 *
 *	-DNO_BUSY_BARRIER, -DNO_PARK_BARRIER	must fail
 *	-DLOPSIDED	with asymmetric barriers, as in tray.pml: must hold, but with
 *			-DNO_HEAVY
 */
#define THREADS 2
#define ROUNDS 2
#define DOG THREADS			/* the watchdog's store buffer */

bit beat[THREADS];			/* is it odd? */
bit parked;
bit locked;
bit woken;				/* the condition was signalled */

/* For the check alone. */
bit runs[THREADS];			/* is past B2 */
bit asleep;

chan buffer[THREADS + 1] = [2] of { bit };

/* Memory takes a store, some time; each buffer is for one word. */
active [THREADS + 1] proctype cpu()
{
	bit value;

end:	do
	:: atomic {
		buffer[_pid]?value;
		if
		:: _pid == DOG -> parked = value
		:: _pid != DOG -> beat[_pid] = value
		fi
	   }
	od
}

#define drained(id) (empty(buffer[id]))

inline unpark(id)
{
	atomic { drained(id) && !locked -> locked = 1 }
	parked = 0;
	/* Only who sleeps already is woken: he looks before he sleeps. */
	woken = asleep;
	locked = 0
}

proctype thread(byte id)
{
	byte n;

	do
	:: n == ROUNDS -> break
	:: else ->
		n++;
		buffer[id]!1;					/* B1 */
#if !defined(NO_BUSY_BARRIER) && !defined(LOPSIDED)
		drained(id);
#endif
		if
		:: parked -> unpark(id)				/* B2 */
		:: !parked
		fi;
		runs[id] = 1;
		runs[id] = 0;
		buffer[id]!0
	od
}

/* It parks whenever it may; that it does so only after a second is no safety. */
proctype watchdog()
{
	do
	:: atomic { !locked -> locked = 1 };
		buffer[DOG]!1;					/* D1 */
#ifndef NO_PARK_BARRIER
		drained(DOG);
#endif
#if defined(LOPSIDED) && !defined(NO_HEAVY)
		drained(DOG);
		if
		:: drained(0); drained(1)
		:: drained(1); drained(0)
		fi;
#endif
		do
		:: nempty(buffer[DOG]) || parked ->
			if
			:: beat[0] || beat[1] -> break		/* D2 */
			:: !beat[0] && !beat[1] ->
				/* Let go of the lock and sleep: one step. */
				atomic { woken = 0; asleep = 1; locked = 0 }
end:				atomic { woken && !locked ->
					asleep = 0; locked = 1 }
			fi
		:: drained(DOG) && !parked -> break
		od;
		drained(DOG);
		parked = 0;
		locked = 0
	od
}

active proctype watch()
{
end:	atomic {
		asleep && !woken && !locked && (runs[0] || runs[1]) -> assert(false)
	}
}

init
{
	atomic {
		run thread(0);
		run thread(1);
		run watchdog()
	}
}
