/*
 * turning.pml - one tray for several loops: src/loop/tray.c, "Whose"
 *
 * Store buffers as in doorbell.pml. The worker turns to whichever loop it likes while
 * the tray is empty; a loop looks at any time, and between its look at the tail and its
 * look at the head the tray may have been another's, and be so still.
 *
 *	model			tray.c
 *	-----			------
 *	whose, tail		the one word tail: number and count
 *	head			head
 *	place[]			the ring; what is put there is the number of the loop
 *
 * Checked: a loop takes what is for it, each once, and all of it; no place is filled
 * that was not emptied. With one of these the check must fail:
 *
 *	-DEARLY			the worker turns while the tray is not empty
 *	-DUNSIGNED		a head that is ahead of the tail counts as results
 *	-DTWO_WORDS		the number comes to memory after the count
 *	-DNO_RELEASE		the head comes to memory before the place was read
 */
#define LOOPS 2
#define ITEMS 4
#define RING 2			/* a power of two */
#define WORKER LOOPS

mtype = { to_place, to_tail, to_head };

byte whose, tail, head;
byte place[RING] = 255;

/* For the check alone. */
byte for_loop[LOOPS], had[LOOPS];
bit home;

chan buffer[LOOPS + 1] = [4] of { mtype, byte, byte };

/* Memory takes a store, some time. */
active [LOOPS + 1] proctype cpu()
{
	mtype what;
	byte at, value;

end:	do
	:: atomic {
		buffer[_pid]?what, at, value;
		if
		:: what == to_place -> place[at] = value
		:: what == to_tail -> whose = at; tail = value
		:: what == to_head -> head = value
		fi;
		at = 0;
		value = 0
	   }
	od
}

proctype worker()
{
	byte count, seen, mine, want;

	do
	:: count == ITEMS -> break
	:: else ->
		if
		:: want = 0
		:: want = 1
		fi;
		if
		:: want != mine ->
#ifndef EARLY
			seen = head;
			seen == count;		/* or the inbox, which is not here */
#endif
			mine = want;
#ifdef TWO_WORDS
			tail = count;
#endif
			buffer[WORKER]!to_tail, mine, count
		:: want == mine
		fi;
		if
		:: count - seen >= RING -> seen = head; count - seen < RING
		:: else
		fi;
		buffer[WORKER]!to_place, count % RING, mine;
		count++;
#ifdef TWO_WORDS
		tail = count;
#endif
		atomic {
			buffer[WORKER]!to_tail, mine, count;
			for_loop[mine]++
		}
	od;
	empty(buffer[WORKER]);
	home = 1
}

proctype loop(byte id)
{
	byte end_at, at, i;
	bit ours;

	do
	:: home && had[id] == for_loop[id] -> break
	:: atomic { end_at = tail; ours = (whose == id) };
		if
		:: ours ->
			/* Its own stores to head it sees at once. */
			empty(buffer[id]) -> at = head;
#ifdef UNSIGNED
			if
			:: end_at != at
#else
			if
			:: end_at > at
#endif
				-> i = at;
				do
				:: i == end_at || i == at + RING -> break
				:: else ->
#ifdef NO_RELEASE
					head = i + 1;
#endif
					assert(place[i % RING] == id);
					place[i % RING] = 255;
					had[id]++;
					assert(had[id] <= for_loop[id]);
					i++
				od;
				buffer[id]!to_head, 0, i
			:: else
			fi
		:: !ours
		fi;
		atomic { end_at = 0; at = 0; i = 0; ours = 0 }
	od;
	empty(buffer[id])
}

init
{
	atomic {
		run worker();
		run loop(0);
		run loop(1)
	}
}
