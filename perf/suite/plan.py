"""What is measured: names for the command line, and the cases of each.

A case is one command line of the programs, WORK KEY=VALUE..., the same for all systems.
How many jobs it does is said in one of three ways:

  timed   as many as take a moment (Measure.seconds) with this system. How many these
          are is found by short runs before, the same rule for all: a fast system does
          not end before it has begun, and a slow one does not hold up the others.
  fixed   so many, because the number is what the case is about.
  none    the work knows.

A case that one of the others would take too long for is left out for that one, with a
word; ours is never left out.
"""

from dataclasses import dataclass, field, replace

PROGRAMS = ("eider", "uv", "glib", "asio", "tokio", "go", "python", "raw")


@dataclass(frozen=True)
class Case:
    work: str
    keys: tuple = ()
    timed: bool = False
    fixed: int = 0
    first: int = 1000  # the count of the first, short run
    quick: bool = True  # part of --quick
    pinned: bool = False  # to one CPU
    ours: bool = False  # nobody else is asked
    patience: int = 1  # how much longer than others it may take a peer
    may_refuse: bool = False  # a peer that cannot do it has not failed
    repeat: bool = False  # several times in one round, if it is short
    rename: dict = field(default_factory=dict, hash=False)
    label: str = ""  # added to the parameter of its lines

    def words(self, count=0):
        """The command line."""
        words = [self.work] + [f"{key}={value}" for key, value in self.keys]
        if self.pinned:
            words.append("cpus=1")
        if count:
            words.append(f"count={count}")
        return words

    def key(self, name, otherwise=0):
        return dict(self.keys).get(name, otherwise)

    def __str__(self):
        return " ".join(self.words(self.fixed))


def timed(work, quick=True, first=1000, **keys):
    return Case(
        work, tuple(keys.items()), timed=True, quick=quick, first=first, patience=2
    )


def jobs(workers, inflight, quick=True, pinned=False):
    keys = (("workers", workers), ("inflight", inflight))
    first = max(1000, 2 * inflight)
    return Case(
        "jobs", keys, timed=True, quick=quick, first=first, pinned=pinned, patience=2
    )


def busy(nanoseconds, inflight, quick=True):
    first = max(inflight, min(1000, 20_000_000 // nanoseconds))
    return timed("busy", quick, first, workers=2, inflight=inflight, ns=nanoseconds)


def contexts(count, inflight, may_refuse=False, quick=True):
    keys = (("contexts", count), ("inflight", inflight))
    first = 2 * inflight
    return Case(
        "contexts", keys, timed=True, first=first, may_refuse=may_refuse, quick=quick
    )


def waiting(count):
    return Case("waiting", fixed=count, first=10000, patience=4, may_refuse=True)


def loops(count, quick=True):
    return timed("loops", quick, loops=count, workers=2, inflight=1024)


GROW = {"jobs": "grow", "jobs_cpu": "grow_cpu"}


def grow_jobs(count, quick=True, pinned=False):
    """jobs again, where the number of them is what matters.

    With 64 in flight: with 1024 a thousand jobs are out at once, and done, before the
    first is counted. And once more on one CPU, where the kernel does not choose between
    two modes that differ by more than the number of jobs does.
    """
    return Case(
        "jobs",
        (("workers", 1), ("inflight", 64)),
        fixed=count,
        quick=quick,
        pinned=pinned,
        repeat=True,
        rename=GROW,
        label=f"count={count}",
    )


def grow_threads(workers, quick=True):
    """jobs again, where the number of threads is what matters."""
    return replace(jobs(workers, 1024, quick), rename=GROW)


def ours(work, quick=True, **keys):
    """A work that only ours has, with as many of its own as it takes."""
    return Case(work, tuple(keys.items()), timed=True, ours=True, quick=quick)


# In this order they run when none is named.
NAMES = {
    "jobs": [
        *(jobs(workers, 1024) for workers in (1, 2, 4)),
        jobs(16, 1024, quick=False),
        *(jobs(1, inflight, quick=inflight == 64) for inflight in (1, 64, 65536)),
        *(jobs(2, inflight, quick=False) for inflight in (1, 64, 65536)),
    ],
    "one_cpu": [
        jobs(1, 1024, pinned=True),
        Case("roundtrip", timed=True, pinned=True),
    ],
    "roundtrip": [
        timed("roundtrip"),
        timed("roundtrip", False, 200, gap_us=20),
        timed("roundtrip", True, 100, gap_us=1000),
    ],
    "busy": [
        *(busy(ns, 1024) for ns in (1000, 10000)),
        *(busy(ns, 64, False) for ns in (1000, 10000, 100000)),
        busy(10000000, 16, False),
    ],
    "burst": [Case("burst", (("workers", 2),), fixed=100000)],
    "sleepers": [Case("sleepers", (("threads", 64), ("ms", 10), ("rounds", 20)))],
    "contexts": [
        contexts(64, 1024),
        contexts(64, 4096, quick=False),
        contexts(4096, 4096, may_refuse=True, quick=False),
    ],
    "lease": [ours("lease"), ours("leases", contexts=64, threads=4)],
    "spawn": [timed("spawn")],
    "switch": [timed("switch")],
    "waiting": [waiting(100000), waiting(1000000)],
    "loops": [loops(1, quick=False), loops(2), loops(4, quick=False)],
    "echo": [
        Case("echo", (("connections", 16), ("rate", rate), ("seconds", 1)))
        for rate in (1, 1000000)
    ],
    "fibers": [ours("call"), ours("yield", fibers=1), ours("yield", fibers=1000)],
    "each": [ours("each")],
    "memory": [Case("memory", ours=True)],
    "idle": [Case("idle", (("seconds", 2), ("loops", 2)), ours=True)],
    "syscalls": [jobs(1, 1024), jobs(2, 1024)],
    "grow": [
        *(grow_jobs(10**power, power < 7) for power in (3, 4, 5, 6, 7)),
        *(grow_jobs(10**power, power < 7, True) for power in (3, 4, 5, 6, 7)),
        *(grow_threads(workers, workers != 4) for workers in (1, 4, 16, 64, 256)),
    ],
}

# perf/ledger does these; the last three take long, and are measured when named.
LEDGER_PARTS = ("health", "loops", "load", "transfers", "memory")
LEDGER_SHORT = ("health", "loops")


def all_names():
    return [*NAMES, "ledger", *(f"ledger_{part}" for part in LEDGER_PARTS)]


def default_names():
    return [*NAMES, *(f"ledger_{part}" for part in LEDGER_SHORT)]


def ledger_parts(names):
    """The parts of the ledger's benchmark that @names ask for."""
    if "ledger" in names:
        return list(LEDGER_PARTS)
    return [part for part in LEDGER_PARTS if f"ledger_{part}" in names]


def cases(name, quick):
    return [case for case in NAMES[name] if case.quick or not quick]
