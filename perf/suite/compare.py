"""Two files: what became slower or faster, beyond noise.

Runs of different machines or kernels are not compared, nor those that did other work
(--quick and full). Then a result is worse only if all of this is true:

1. Its median is worse by more than a part that depends on its kind: 5 %, and 20 % for
   the 99th percentile; where next to nothing is used, by a few units. The highest and
   the 99.9th percentile are not judged at all: they are what else happened in one
   moment.
2. The values of the rounds are worse by the Mann-Whitney test, one-sided and exact: of
   all ways to deal these values to the two runs, at most 1 % are as clear. With few
   rounds 1 % cannot be reached; then only the clearest way will do, each value of one
   run worse than all of the other. With three rounds, the fewest that count, that is
   5 %: of twenty results that did not change, one passes this rule alone.
3. It is also worse by that part, and by that test, when the drift of the machine is
   taken out. The peers have not changed between two runs (if their versions have not),
   so how their medians for the same name and parameter moved is what the machine, or
   its neighbours, did to everyone: the values of the newer run are divided by the
   geometric mean of that.

Better is the same the other way round. Peers are judged by 1 and 2, for what it is
worth, and do not count: only ours can make the verdict.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from . import machine
from .results import NEUTRAL_UNITS, is_ours, is_peer, more_is_better

ROUNDS_MIN = 3
CHANCE = 0.01
UNJUDGED = ("_max", "_p999")
# About nothing: 5 % of it is nothing too. In their units.
LEAST = {"idle_cpu": 10, "idle_switches": 5}


@dataclass(frozen=True)
class Change:
    old: object
    new: object
    worse_by: float  # a part: 0.1 is 10 % worse, -0.1 is 10 % better
    drift: float


def is_judged(row):
    return not row.name.endswith(UNJUDGED) and row.unit not in NEUTRAL_UNITS


def least_change(name):
    return 0.20 if name.endswith("_p99") else 0.05


@lru_cache(maxsize=None)
def ways(first, second, wins):
    """How many ways to order @first and @second values give exactly @wins."""
    if wins < 0:
        return 0
    if first == 0 or second == 0:
        return int(wins == 0)
    return ways(first - 1, second, wins - second) + ways(first, second - 1, wins)


def chance_of(first, second):
    """That values of @first are above those of @second so often, if all are alike."""
    wins = 0.0
    for a in first:
        wins += sum(1.0 if a > b else 0.5 if a == b else 0.0 for b in second)
    n, m = len(first), len(second)
    # Half a win, of a tie, is none: the test must not be passed by ties.
    least = math.floor(wins)
    clear = sum(ways(n, m, w) for w in range(least, n * m + 1))
    return clear / math.comb(n + m, n)


def are_above(first, second):
    n, m = len(first), len(second)
    if min(n, m) < ROUNDS_MIN:
        return False
    # Rounding must not decide at the limit itself.
    limit = max(CHANCE, 1 / math.comb(n + m, n))
    return chance_of(first, second) <= limit * (1 + 1e-9)


def costs(row, divisor=1.0):
    """The values, so turned that more is worse."""
    values = [value / divisor for value in row.values]
    return [-value for value in values] if more_is_better(row.unit) else values


def part(old, new, unit):
    """How much worse."""
    if old == new:
        return 0.0
    if more_is_better(unit):
        old, new = new, old
    return new / old - 1 if old > 0 else math.inf


def drift(old, new, row):
    """What the peers' medians for the same were multiplied by; 1 if there is none."""
    logs = []
    for peer in old.beside(row.name, row.parameter):
        other = new.rows.get(peer.key)
        if not is_peer(peer.system) or other is None:
            continue
        if peer.median > 0 and other.median > 0:
            logs.append(math.log(other.median / peer.median))
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def judge(before, after, by):
    """-1 if @after is better, 1 if it is worse, 0 if that cannot be said."""
    least = least_change(after.name)
    unit = after.unit
    if abs(after.median - before.median) < LEAST.get(after.name, 0):
        return 0
    directions = set()
    for divisor in {1.0, by}:
        worse = part(before.median, after.median / divisor, unit)
        better = part(after.median / divisor, before.median, unit)
        if worse > least and are_above(costs(after, divisor), costs(before)):
            directions.add(1)
        elif better > least and are_above(costs(before), costs(after, divisor)):
            directions.add(-1)
        else:
            directions.add(0)
    return directions.pop() if len(directions) == 1 else 0


def refusals(old, new):
    """Why the two cannot be compared: sentences."""
    reasons = [
        f"different {key}: {was}, {is_now}"
        for key, was, is_now in machine.differences(old.where, new.where)
    ]
    for key in ("quick", "seconds"):
        was, is_now = old.settings.get(key), new.settings.get(key)
        if was != is_now:
            reasons.append(f"different parameters: {key} {was}, {is_now}")
    if not old.rows.keys() & new.rows.keys():
        reasons.append("no result is in both")
    for key in sorted(old.rows.keys() & new.rows.keys()):
        if old.rows[key].unit != new.rows[key].unit:
            reasons.append(f"different units of {' '.join(key)}")
    return reasons


def changes(old, new):
    """(worse, better): lists of Change, the greatest first."""
    worse, better = [], []
    for key, before in old.rows.items():
        after = new.rows.get(key)
        if after is None or not is_judged(before):
            continue
        by = drift(old, new, before) if is_ours(before.system) else 1.0
        direction = judge(before, after, by)
        if direction == 0:
            continue
        change = Change(
            before, after, part(before.median, after.median, after.unit), by
        )
        (worse if direction > 0 else better).append(change)
    worse.sort(key=lambda change: -change.worse_by)
    better.sort(key=lambda change: change.worse_by)
    return worse, better


def remarks(old, new):
    """What is different and no reason to refuse."""
    said = []
    for key in ("doorbell", "delivery", "liburing"):
        was, is_now = old.where.get(key), new.where.get(key)
        if was != is_now:
            said.append(f"{key}: {was}, now {is_now}")
    for name in sorted(old.versions.keys() | new.versions.keys()):
        was, is_now = old.versions.get(name), new.versions.get(name)
        if was != is_now:
            said.append(f"{name}: {was or 'absent'}, now {is_now or 'absent'}")
    ours = [key for key in old.rows if is_ours(key[1])]
    gone = sum(key not in new.rows for key in ours)
    if gone:
        said.append(f"{gone} of {len(ours)} results of ours are not in the newer run")
    few = min(len(row.values) for each in (old, new) for row in each.rows.values())
    if few < ROUNDS_MIN:
        said.append(f"results of fewer than {ROUNDS_MIN} rounds are not judged")
    return said
