"""What the project promises, and whether a run shows it.

A target is a limit for a figure that is worked out from medians. Nothing here is
measured by hand: a target of which a part was not measured is not mentioned.
"""

from dataclasses import dataclass
from typing import Callable

from .results import more_is_better

ROUNDS = 7  # medians of fewer are an indication


@dataclass(frozen=True)
class Target:
    what: str
    sense: str
    limit: float
    unit: str
    value: Callable  # of Results: a number, or None


@dataclass(frozen=True)
class Verdict:
    target: Target
    measured: float

    @property
    def met(self):
        if self.target.sense == ">=":
            return self.measured >= self.target.limit
        return self.measured <= self.target.limit

    def as_json(self):
        return {
            "target": self.target.what,
            "sense": self.target.sense,
            "limit": self.target.limit,
            "unit": self.target.unit,
            "measured": self.measured,
            "met": self.met,
        }


def divided(first, second):
    return first / second if first is not None and second else None


def at_most(name, parameter, limit, unit, sense="<="):
    """A target for the median of a result of ours."""
    what = name if parameter == "-" else f"{name} {parameter}"
    return Target(
        what, sense, limit, unit, lambda results: results.median(name, parameter)
    )


def at_least(name, parameter, limit, unit):
    return at_most(name, parameter, limit, unit, ">=")


def over_best(name, parameter):
    def value(results):
        row = results.get(name, parameter)
        return results.ratio(row)[0] if row else None

    return value


def over(name, parameter, other, system="eider"):
    """Ours to @other's."""
    return lambda results: divided(
        results.median(name, parameter, system), results.median(name, parameter, other)
    )


def spread(name, which):
    """The dearest job to the cheapest one, over the cases of grow that @which picks."""

    def value(results):
        costs = [
            1e9 / row.median if more_is_better(row.unit) else row.median
            for row in results.rows.values()
            if row.name == name
            and row.system == "eider"
            and which(row.parameter)
            and row.median > 0
        ]
        return divided(max(costs), min(costs)) if len(costs) > 1 else None

    return value


def of_jobs(parameter):
    return parameter.startswith("workers=1,inflight=64,count=")


def of_jobs_on_one_cpu(parameter):
    return parameter.startswith("workers=1,inflight=64,cpus=1,count=")


def of_threads(parameter):
    return parameter.endswith(",inflight=1024")


def echo_under_load(results):
    return divided(
        results.median("echo_p99", "connections=16,rate=1000000"),
        results.median("echo_p99", "connections=16,rate=1"),
    )


def lease(results):
    """The one line of that name, whatever its parameter."""
    rows = [r for r in results.rows.values() if r.name == "lease_ratio"]
    ours = [row.median for row in rows if row.system == "eider"]
    return ours[0] if ours else None


def jobs_targets():
    for workers in (1, 2, 4):
        parameter = f"workers={workers},inflight=1024"
        what = f"jobs {parameter}, to the best peer's"
        yield Target(what, ">=", 4, "x", over_best("jobs", parameter))
        yield at_most("jobs_cpu", parameter, 70, "ns/job")


def grow_targets():
    for name, what in (("grow", "time"), ("grow_cpu", "CPU time")):
        for of, which in (
            ("jobs", of_jobs),
            ("jobs, one CPU", of_jobs_on_one_cpu),
            ("threads", of_threads),
        ):
            words = f"{name}: dearest job to cheapest, {what}, by {of}"
            yield Target(words, "<=", 1.5, "x", spread(name, which))


def table():
    """All of them, in the order in which they are said."""
    libuv = over("roundtrip_p50", "gap_us=0", "eider", "libuv")
    futex = over("roundtrip_p50", "gap_us=0,cpus=1", "raw-futex")
    nginx = over("ledger_health", "connections=64", "nginx")
    nginx_cpu = over("ledger_health_cpu", "connections=64", "nginx")
    busy = "workers=2,inflight=1024"
    burst = "workers=2,count=100000"
    return [
        *jobs_targets(),
        Target("libuv's roundtrip_p50 to ours", ">=", 40, "x", libuv),
        Target("roundtrip_p50 on one CPU, to raw-futex's", "<=", 1.15, "x", futex),
        at_least("busy_efficiency", f"{busy},ns=1000", 60, "%"),
        at_least("busy_efficiency", f"{busy},ns=10000", 90, "%"),
        at_most("burst", burst, 10, "ms"),
        at_most("burst_own_memory", burst, 100, "bytes/job"),
        at_most("sleepers", "threads=64,ms=10,rounds=20", 220, "ms"),
        at_least("contexts", "contexts=64,inflight=1024", 6e6, "jobs/s"),
        Target("lease: enter and leave, to an empty call", "<=", 10, "x", lease),
        Target("echo_p99 at 1 M jobs/s, to none", "<=", 3, "x", echo_under_load),
        # Who passes fewer answers sooner.
        at_least("echo_jobs", "connections=16,rate=1000000", 950_000, "jobs/s"),
        at_most("syscalls", "workers=1,inflight=1024", 0.02, "calls/job"),
        at_most("syscalls", "workers=2,inflight=1024", 0.02, "calls/job"),
        at_most("switch", "-", 10, "ns"),
        at_most("spawn_join", "-", 100, "ns"),
        at_most("waiting_memory", "count=1000000", 5120, "bytes/fiber"),
        at_most("waiting_maps", "count=1000000", 64, "maps"),
        *grow_targets(),
        Target("ledger_health, to nginx's", ">=", 1.2, "x", nginx),
        Target("ledger_health_cpu, to nginx's", "<=", 0.8, "x", nginx_cpu),
    ]


def verdicts(results):
    found = []
    for target in table():
        measured = target.value(results)
        if measured is not None:
            found.append(Verdict(target, measured))
    return found
