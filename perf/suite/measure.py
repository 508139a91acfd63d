"""How many jobs, how often, in which order.

Rounds are outermost: one round runs each case of a name once with every system, one
system after the other, and then comes the next round. What else the machine does in
these minutes hits all alike. Each round begins with another system, so that none has
always the same one before it.
"""

import statistics
from dataclasses import dataclass

from . import machine, plan
from .calls import Counter
from .systems import Failed

REPEATS_MAX = 25
# Who does so many in no time is not asked for more.
COUNT_MAX = 10**8
# The jobs that a program does before the measured ones: a tenth of them, and one.
WARM = 1.1


@dataclass(frozen=True)
class Effort:
    rounds: int = 7
    seconds: float = 0.3  # of a timed case, for each system of a program, up to two
    limit: float = 1.5  # longer than this, and a peer is left out
    repeat: float = 0.2  # a short fixed case is repeated for so long
    enough: float = 0.05  # of a run that finds a rate
    quick: bool = False


QUICK = Effort(rounds=3, seconds=0.1, limit=0.6, repeat=0.05, enough=0.03, quick=True)


def rounded(count):
    """To two digits: nobody needs more."""
    digits = max(len(str(count)) - 2, 0)
    return round(count, -digits)


class Rate:
    """What `seconds = base + count * each` says of a program, and its last lines."""

    def __init__(self, program, case, effort):
        count = case.first
        first = seconds = self.best(program, case, count, effort)
        while (
            seconds - first < effort.enough
            and seconds < effort.limit
            and count < COUNT_MAX
        ):
            count *= 8 if seconds < effort.limit / 8 else 2
            seconds = self.best(program, case, count, effort)
        if count == case.first:
            self.each = first / count
        else:
            self.each = max((seconds - first) / (count - case.first), 1e-9)
        # A program with several ways does the count with each.
        self.share = min(len({line[1] for line in self.lines}), 2)

    def best(self, program, case, count, effort):
        """The better of two, if one is short: a single one may have been held up."""
        seconds, self.lines = program.run(case, count)
        if seconds < effort.limit / 4:
            seconds = min(seconds, program.run(case, count)[0])
        return seconds


class Measure:
    def __init__(self, programs, effort, results, say, fail):
        self.programs = programs
        self.effort = effort
        self.results = results
        self.say = say
        self.fail = fail
        self.rates = {}
        self.broken = set()  # (program, case) that have failed
        self.counter = None

    def name(self, name):
        """Measure all cases of a name."""
        if name == "syscalls":
            self.counter = Counter.find(self.say)
            if self.counter is None:
                return
        runs = []
        for case in plan.cases(name, self.effort.quick):
            runs += self.runs_of(case)
        cases = list(dict.fromkeys(case for case, _, _ in runs))
        once = self.count_calls if name == "syscalls" else self.once
        for number in range(self.effort.rounds):
            for case in cases:
                own = [run for run in runs if run[0] == case]
                at = number % len(own)
                for run in own[at:] + own[:at]:
                    self.guarded(once, *run)

    def runs_of(self, case):
        """[(case, program, count)]: who takes part."""
        runs = []
        for program in self.programs:
            if case.work not in program.works or (case.ours and not program.is_ours):
                continue
            try:
                count = self.count_for(program, case)
            except Failed as failure:
                self.report(program, case, failure)
                continue
            if count is not None:
                runs.append((case, program, count))
        return runs

    # ---- counts ----

    def rate(self, program, case):
        key = (program.name, case.work, case.keys, case.pinned)
        if key not in self.rates:
            self.rates[key] = Rate(program, case, self.effort)
        return self.rates[key]

    def count_for(self, program, case):
        """0 if the work knows it, None to leave the program out."""
        if not case.timed and not case.fixed:
            return 0
        if case.fixed and program.is_ours:
            return case.fixed
        rate = self.rate(program, case)
        count = case.fixed
        if case.timed:
            least = max(case.first, 2 * case.key("inflight"))
            wanted = int(self.effort.seconds * rate.share / rate.each)
            count = min(rounded(max(wanted, least)), COUNT_MAX)
        if not program.is_ours:
            limit = self.effort.limit * rate.share * case.patience
            if count * rate.each > limit:
                self.leave_out(program, case, f"{count * rate.each:.0f} s a run")
                return None
            needed = self.memory_needed(rate.lines, count)
            if needed > 0.6 * machine.memory_bytes("MemAvailable"):
                self.leave_out(program, case, f"{needed / 2**30:.0f} GiB of memory")
                return None
        self.results.counts[f"{program.name} {case}"] = count
        return count

    @staticmethod
    def memory_needed(lines, count):
        each = [value for name, _, _, value, _ in lines if name == "waiting_memory"]
        return max(each, default=0) * count

    def leave_out(self, program, case, why):
        self.say(f"{program.name} is left out of '{case}': {why}")

    # ---- runs ----

    def guarded(self, once, case, program, count):
        if (program.name, case) in self.broken:
            return
        try:
            self.results.add(once(case, program, count))
        except Failed as failure:
            self.report(program, case, failure)

    def report(self, program, case, failure):
        self.broken.add((program.name, case))
        if failure.refused and case.may_refuse and not program.is_ours:
            self.leave_out(program, case, failure)
        else:
            self.fail(f"bench_{program.name} {case}: {failure}")

    def once(self, case, program, count):
        spent, lines = program.run(case, count)
        if not case.repeat:
            return lines
        values = {}
        for again in range(REPEATS_MAX):
            for name, system, parameter, value, unit in lines:
                values.setdefault((name, system, parameter, unit), []).append(value)
            if spent >= self.effort.repeat or again == REPEATS_MAX - 1:
                break
            seconds, lines = program.run(case, count)
            spent += seconds
        return [
            (*key[:3], statistics.median(each), key[3]) for key, each in values.items()
        ]

    def count_calls(self, case, program, count):
        """System calls a job: of a long run less those of a short one."""
        many = max(int(count * self.counter.share), 2 * case.key("inflight"))
        few = max(many // 10, 1)
        calls_few, _ = self.counter.run(program, case, few)
        calls_many, lines = self.counter.run(program, case, many)
        systems = list(dict.fromkeys(line[1] for line in lines))
        jobs = WARM * (many - few) * len(systems)
        calls = max(calls_many - calls_few, 0) / jobs
        return [("syscalls", "+".join(systems), lines[0][2], calls, "calls/job")]
