/*
 * raid.pml - who has a job of a batch: src/executor/batch.c, with store buffers
 *
 * The worker has a store buffer, as in doorbell.pml, and pays for no barrier. Those who
 * raid hold the pool's lock, which empties theirs, and pass the heavy barrier, as in
 * tray.pml; but R1 and R3 alone would leave their stores where they are, so they have
 * a buffer too.
 *
 *	model				batch.c
 *	-----				-------
 *	begun, raided, job		of the batch; job[i] is 1 until it is taken out
 *	locked				the pool's lock
 *	C1 C2				eider__batch_claim(), also _slowly()
 *	R1 to R3			eider__batch_raid_locked(): the raider; and
 *					eider__batch_remove_locked(): the remover
 *
 * Checked: each job is run exactly once, or by nobody if it was removed.
 *
 * A load may pass an earlier load on CPUs that do that: C2 is an acquire, so that the
 * look at the place does not come before it. With one of these the check must fail:
 *
 *	-DNO_HEAVY		R1 without the heavy barrier
 *	-DNO_LIGHT		C2 before C1
 *	-DNO_ACQUIRE		the worker reads the place before C2
 *	-DNO_RELEASE		R3 comes to memory before the places are empty
 *	-DNO_BEGUN		R2 takes all that it finds, from the first
 *	-DNO_LOOK		the worker does not look whether it is raided
 *	-DNO_LOCK		a worker that is raided does not wait for the lock
 */
#define JOBS 3
#define WORKER 0		/* store buffers */
#define RAIDER 1
#define REMOVER 2

mtype = { to_begun, to_raided, to_job };

byte begun;
bit raided;
bit job[JOBS] = 1;
bit locked;

/* For the check alone. */
byte had[JOBS];			/* by how many */
byte home;

/* To what, which place, what. */
chan buffer[3] = [4] of { mtype, byte, byte };

/* Memory takes a store, some time. */
active [3] proctype cpu()
{
	mtype what;
	byte at, value;

end:	do
	:: atomic {
		buffer[_pid]?what, at, value;
		if
		:: what == to_begun -> begun = value
		:: what == to_raided -> raided = value
		:: what == to_job -> job[at] = value
		fi;
		at = 0;
		value = 0
	   }
	od
}

#define drained(id) (empty(buffer[id]))

/* Both ends of holding a lock empty the buffer. */
inline lock(id)
{
	atomic { drained(id) && !locked -> locked = 1 }
}

inline unlock(id)
{
	atomic { drained(id) -> locked = 0 }
}

/* The own place: the worker's own stores to it were long ago, if any. */
inline read_place()
{
	got = job[i]
}

inline empty_place()
{
	buffer[WORKER]!to_job, i, 0
}

proctype worker()
{
	byte i;
	bit got, was_raided;

	do
	:: i == JOBS -> break
	:: else ->
#ifdef NO_ACQUIRE
		read_place();
#endif
#ifdef NO_LIGHT
		was_raided = raided;
		buffer[WORKER]!to_begun, 0, i + 1;
#else
		buffer[WORKER]!to_begun, 0, i + 1;		/* C1 */
		was_raided = raided;				/* C2 */
#endif
#ifdef NO_LOOK
		was_raided = 0;
#endif
		if
		:: was_raided ->
#ifndef NO_LOCK
			lock(WORKER);
#endif
			read_place();
			empty_place();
#ifndef NO_LOCK
			unlock(WORKER)
#endif
		:: !was_raided ->
#ifndef NO_ACQUIRE
			read_place();
#endif
			empty_place()
		fi;
		atomic { had[i] = had[i] + got; got = 0; was_raided = 0; i++ }
	od;
	drained(WORKER);
	home++
}

inline begin_raid(id)
{
	buffer[id]!to_raided, 0, 1;				/* R1 */
#ifndef NO_HEAVY
	drained(id);
	drained(WORKER);
#endif
#ifdef NO_BEGUN
	first = 0
#else
	first = begun
#endif
}

inline end_raid(id)
{
#ifdef NO_RELEASE
	skip
#else
	buffer[id]!to_raided, 0, 0				/* R3 */
#endif
}

/*
 * A locked swap empties the buffer on x86. Elsewhere it need not be in memory when it
 * is done, only nobody else can change the word between: so take it as two steps, of
 * which the second is a store like others.
 */
inline take_out(id, at)
{
	atomic { taken = job[at]; buffer[id]!to_job, at, 0 }
	had[at] = had[at] + taken
}

proctype raider()
{
	byte first, at = JOBS;
	bit taken;

	lock(RAIDER);
	begin_raid(RAIDER);
#ifdef NO_RELEASE
	raided = 0;
#endif
	do							/* R2 */
	:: at == first || at == 0 -> break
	:: at > first ->
		at--;
		if
		:: job[at] -> take_out(RAIDER, at)
		:: else
		fi
	:: at > first -> break		/* half of them */
	:: at < first -> break
	od;
	end_raid(RAIDER);
	unlock(RAIDER);
	home++
}

/* Somebody cancels the last: it comes back to him, and counts as run. */
proctype remover()
{
	byte first;
	bit taken;

	lock(REMOVER);
	if
	:: !job[JOBS - 1]
	:: job[JOBS - 1] ->
		begin_raid(REMOVER);
#ifdef NO_RELEASE
		raided = 0;
#endif
		if
		:: first <= JOBS - 1 && job[JOBS - 1] ->
			take_out(REMOVER, JOBS - 1)
		:: else
		fi;
		end_raid(REMOVER)
	fi;
	unlock(REMOVER);
	home++
}

active proctype watch()
{
	byte i;

end:	atomic {
		home == 3 ->
		do
		:: i == JOBS -> break
		:: i < JOBS -> assert(had[i] == 1); i++
		od
	}
}

init
{
	atomic {
		run worker();
		run raider();
		run remover()
	}
}
