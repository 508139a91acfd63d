#!/usr/bin/python3
"""bench_python.py - what measures Eider, for Python: asyncio and asgiref

Both are measured in one run, each in a process of its own, so that neither finds the
heap and the threads of the other.

    asyncio     loop.run_in_executor() with a ThreadPoolExecutor: what asyncio has.
    asgiref     sync_to_async(), what Django calls its blocking code with. It is made
                of the former; thread_sensitive=False and an executor given to it
                where any thread will do. In `contexts` it is what it is for,
                thread_sensitive=True inside a ThreadSensitiveContext: each context
                has a thread of its own. For asyncio that is a ThreadPoolExecutor of
                one thread for each.

The interpreter that runs this has the event loop of the standard library and a GIL:
one thread runs at a time. So there is no `busy`, which is about jobs that compute at
the same time, and `workers` beyond one say what Python's threads cost each other. The
interval at which a thread gives up the GIL is left at its 5 ms, as is the garbage
collector at its defaults: nobody changes them for a server.

A job is awaited by a coroutine, which then starts the next: that is what asyncio is
written for, and with asgiref there is no other way. With callbacks of futures instead,
asyncio's `jobs` would cost a tenth less.

asyncio's timers count milliseconds, rounded up (its epoll does), so a gap of a
round trip is at least one.

It takes the command line of the others, measure.h of perf/common, and refuses what
they refuse.
"""

import asyncio
import functools
import os
import platform
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import asgiref
from asgiref.sync import ThreadSensitiveContext, sync_to_async

keys = {}  # the values of the work that runs
parameter = "-"


# ---- the program ----


def refuse(what, which):
    print(f"{sys.argv[0]}: {what} '{which}'", file=sys.stderr)
    sys.exit(2)


def number_in(text):
    try:
        n = int(text)
    except ValueError:
        n = 0
    if n < 1:
        refuse("not a number of at least 1:", text)
    return n


def take_arguments(defaults, arguments):
    """A key that begins with '.' is not part of the parameter."""
    global parameter
    cpus = []
    for name, value in defaults.items():
        keys[name.lstrip(".")] = value
    for argument in arguments:
        name, is_there, value = argument.partition("=")
        if not is_there:
            refuse("not KEY=VALUE:", argument)
        if name in keys:
            keys[name] = number_in(value)
        elif name == "cpus":
            cpus = [f"cpus={number_in(value)}"]
        else:
            refuse("this work has no key", argument)
    shown = [f"{name}={keys[name]}" for name in defaults if name[0] != "."]
    parameter = ",".join(shown + cpus) or "-"


def line(name, system, value, unit):
    digits = 3 if value < 1000 else 0
    print(f"{name} {system} {parameter} {value:.{digits}f} {unit}", flush=True)


def print_times(name, system, ns):
    """Lines NAME_p01 to NAME_max."""
    points = [("p01", 0.01), ("p10", 0.10), ("p25", 0.25), ("p50", 0.50)]
    points += [("p75", 0.75), ("p90", 0.90), ("p99", 0.99), ("p999", 0.999)]
    points += [("max", 1)]
    ns.sort()
    for point, part in points:
        at = int(part * (len(ns) - 1) + 0.5)
        line(f"{name}_{point}", system, ns[at] / 1000, "us")


def print_rate(name, system, count, start, end):
    wall_ns, cpu_ns = end[0] - start[0], end[1] - start[1]
    line(name, system, count * 1e9 / wall_ns, "jobs/s")
    line(f"{name}_cpu", system, cpu_ns / count, "ns/job")


# ---- time and memory ----


def moment():
    """The clock, and the CPU time of all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = (usage.ru_utime + usage.ru_stime) * 1e9
    return time.monotonic_ns(), cpu_ns


def bytes_of(file, name):
    with open(file, encoding="ascii") as lines:
        for text in lines:
            if text.startswith(name):
                return int(text.split()[1]) * 1024
    raise OSError(f"{file} has no {name}")


def resident():
    return bytes_of("/proc/self/smaps_rollup", "Rss:")


def peak():
    return bytes_of("/proc/self/status", "VmHWM:")


def reset_peak():
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def maps():
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        return sum(1 for _ in file)


# ---- the two systems ----


def nothing():
    pass


def job_of_asyncio(executor, function):
    """What to call for a job: it gives an awaitable."""
    loop = asyncio.get_running_loop()
    return functools.partial(loop.run_in_executor, executor, function)


def job_of_asgiref(executor, function):
    return sync_to_async(function, thread_sensitive=False, executor=executor)


JOB_OF = {"asyncio": job_of_asyncio, "asgiref": job_of_asgiref}


class Pump:
    """Keeps jobs in flight: each coroutine has one, and when it is done the next.

    The first tenth, and one, is done before and not counted.
    """

    def __init__(self, count):
        self.count = count
        self.warm = count // 10 + 1
        self.total = self.warm + count
        self.started = 0
        self.done = 0
        self.start = self.end = None

    async def keep_one(self, job):
        while self.started < self.total:
            self.started += 1
            await job()
            self.done += 1
            if self.done == self.warm:
                self.start = moment()
            if self.done == self.total:
                self.end = moment()


# ---- works ----


async def jobs(system):
    pump = Pump(keys["count"])
    with ThreadPoolExecutor(keys["workers"]) as executor:
        job = JOB_OF[system](executor, nothing)
        lanes = [pump.keep_one(job) for _ in range(keys["inflight"])]
        await asyncio.gather(*lanes)
    print_rate("jobs", system, pump.count, pump.start, pump.end)


async def roundtrip(system):
    count, gap = keys["count"], keys["gap_us"] / 1e6
    warm = count // 10 + 1
    ns = [0] * (warm + count)
    start = None
    with ThreadPoolExecutor(1) as executor:
        job = JOB_OF[system](executor, nothing)
        for i in range(warm + count):
            if i == warm:
                start = moment()
            if gap and i:
                await asyncio.sleep(gap)
            began = time.monotonic_ns()
            await job()
            ns[i] = time.monotonic_ns() - began
        end = moment()
    print_times("roundtrip", system, ns[warm:])
    line("roundtrip_cpu", system, (end[1] - start[1]) / count / 1000, "us")


async def burst(system):
    count = keys["count"]
    with ThreadPoolExecutor(keys["workers"]) as executor:
        job = JOB_OF[system](executor, nothing)
        await asyncio.gather(*[job() for _ in range(1000)])
        time.sleep(0.05)
        before = resident()
        reset_peak()
        start = time.monotonic_ns()
        await asyncio.gather(*[job() for _ in range(count)])
        end = time.monotonic_ns()
        growth = max(peak() - before, 0)
    line("burst", system, (end - start) / 1e6, "ms")
    line("burst_memory", system, growth / count, "bytes/job")


async def sleepers(system):
    threads, rounds = keys["threads"], keys["rounds"]
    sleep = functools.partial(time.sleep, keys["ms"] / 1000)
    with ThreadPoolExecutor(threads) as executor:
        job = JOB_OF[system](executor, sleep)
        await asyncio.gather(*[job() for _ in range(threads)])
        start = time.monotonic_ns()
        for _ in range(rounds):
            await asyncio.gather(*[job() for _ in range(threads)])
        end = time.monotonic_ns()
    line("sleepers", system, (end - start) / 1e6, "ms")


async def contexts(system):
    """Each context's thread is started by a job more, before the others.

    A ThreadSensitiveContext waits for its thread at its end, and the loop with it: so
    none ends before all jobs are done.
    """
    pump = Pump(keys["count"])
    number, in_flight = keys["contexts"], keys["inflight"]
    ready = asyncio.Barrier(number)
    over = asyncio.Barrier(number)

    async def use(job, lanes):
        await job()
        await ready.wait()
        await asyncio.gather(*[pump.keep_one(job) for _ in range(lanes)])
        await over.wait()

    async def context_of_asyncio(lanes):
        with ThreadPoolExecutor(1) as executor:
            await use(job_of_asyncio(executor, nothing), lanes)

    async def context_of_asgiref(lanes):
        async with ThreadSensitiveContext():
            await use(sync_to_async(nothing, thread_sensitive=True), lanes)

    context = {"asyncio": context_of_asyncio, "asgiref": context_of_asgiref}[system]
    each, more = divmod(in_flight, number)
    await asyncio.gather(
        *[context(max(each + (i < more), 1)) for i in range(number)]
    )
    print_rate("contexts", system, pump.count, pump.start, pump.end)


async def spawn(system):
    async def empty():
        pass

    count = keys["count"]
    warm = count // 10 + 1
    for i in range(warm + count):
        if i == warm:
            start = time.monotonic_ns()
        await asyncio.create_task(empty())
    end = time.monotonic_ns()
    line("spawn_join", system, (end - start) / count, "ns")


async def waiting(system):
    """The jobs of all wait for the gate: two on the workers, the others in line."""
    count = keys["count"]
    gate = threading.Event()
    begun = 0

    async def wait_for_one(job):
        nonlocal begun
        begun += 1
        await job()

    with ThreadPoolExecutor(2) as executor:
        warm = JOB_OF[system](executor, nothing)
        await asyncio.gather(*[warm() for _ in range(1000)])
        try:
            job = JOB_OF[system](executor, gate.wait)
            before, maps_before = resident(), maps()
            tasks = [asyncio.create_task(wait_for_one(job)) for _ in range(count)]
            # Their turn to start comes before ours.
            await asyncio.sleep(0)
            growth, maps_growth = resident() - before, maps() - maps_before
            if begun != count or any(task.done() for task in tasks):
                raise RuntimeError("not all coroutines wait")
        finally:
            gate.set()
        for task in tasks:
            await task
    line("waiting_memory", system, max(growth, 0) / count, "bytes/fiber")
    line("waiting_maps", system, max(maps_growth, 0), "maps")


BOTH = ("asyncio", "asgiref")

WORKS = {
    "jobs": (jobs, BOTH, {"workers": 1, "inflight": 1024, ".count": 50000}),
    "roundtrip": (roundtrip, BOTH, {".count": 20000, "gap_us": 0}),
    "burst": (burst, BOTH, {"workers": 2, "count": 10000}),
    "sleepers": (sleepers, BOTH, {"threads": 64, "ms": 10, "rounds": 10}),
    "contexts": (contexts, BOTH, {"contexts": 8, "inflight": 1024, ".count": 50000}),
    "spawn": (spawn, ("asyncio",), {".count": 100000}),
    "waiting": (waiting, BOTH, {"count": 100000}),
}


def run_in_own_process(work, system):
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if status:
            print(f"{sys.argv[0]}: the process of {system} failed", file=sys.stderr)
            sys.exit(1)
        return
    try:
        asyncio.run(work(system))
    except Exception as error:  # for instance: can't start new thread
        print(f"{sys.argv[0]}: {system}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def main():
    if len(sys.argv) < 2:
        print(
            f"usage: {sys.argv[0]} version | list | WORK KEY=VALUE...",
            file=sys.stderr,
        )
        sys.exit(2)
    if sys.argv[1] == "version":
        print(f"Python {platform.python_version()}, asgiref {asgiref.__version__}")
    elif sys.argv[1] == "list":
        print("\n".join(WORKS))
    elif sys.argv[1] in WORKS:
        work, systems, defaults = WORKS[sys.argv[1]]
        take_arguments(defaults, sys.argv[2:])
        for system in systems:
            run_in_own_process(work, system)
    else:
        refuse("there is no work", sys.argv[1])


if __name__ == "__main__":
    main()
