"""What a run says: lines for every result, a table to look at, and the targets."""

from .results import OURS, is_ours
from .targets import ROUNDS, verdicts

LINE = "{:<20} {:<14} {:<38} {:>10} {:>10} {:>10}  {:<11} {}"
# In the table a distribution is its middle and its tail.
NOT_IN_TABLE = ("_p01", "_p10", "_p25", "_p75", "_p90", "_p999", "_max")


def say(key, text):
    print(f"# {key:<10} {text}", flush=True)


def number(value):
    """As it is told: three digits below 1000, all of them above."""
    return f"{value:.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.3g}"


def short(value):
    """As it fits into a column."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            value /= size
            break
    else:
        letter = ""
    return f"{value:.0f}{letter}" if abs(value) >= 100 else f"{value:.3g}{letter}"


def ratio(results, row):
    times, best = results.ratio(row)
    if times is None:
        return ""
    return f"{times:.3g} x {best.system}" if is_ours(row.system) else f"{times:.3g}"


def where(description):
    for key, text in description.items():
        say(key, text)


def header():
    print(
        LINE.format(
            "name",
            "system",
            "parameter",
            "median",
            "min",
            "max",
            "unit",
            "to best peer",
        ).rstrip()
    )


def lines(results, told):
    """Those that have not been told yet; @told is the set of those that have."""
    pairs = dict.fromkeys((name, parameter) for name, _, parameter in results.rows)
    for name, parameter in pairs:
        for row in results.beside(name, parameter):
            if row.key in told:
                continue
            told.add(row.key)
            spread = (row.median, min(row.values), max(row.values))
            words = LINE.format(
                row.name,
                row.system,
                row.parameter,
                *map(number, spread),
                row.unit,
                ratio(results, row),
            )
            print(words.rstrip(), flush=True)


# ---- the table ----


def table_rows(results):
    """[(name, parameter)], a name's together."""
    pairs = dict.fromkeys(
        (name, parameter)
        for name, _, parameter in results.rows
        if not name.endswith(NOT_IN_TABLE)
    )
    names = list(dict.fromkeys(name for name, _ in pairs))
    return sorted(pairs, key=lambda pair: names.index(pair[0]))


def table_groups(results):
    """Rows of the same systems, one after another: [(systems, [(name, parameter)])]."""
    groups = []
    for name in dict.fromkeys(name for name, _ in table_rows(results)):
        pairs = [pair for pair in table_rows(results) if pair[0] == name]
        systems = list(
            dict.fromkeys(row.system for pair in pairs for row in results.beside(*pair))
        )
        if groups and set(systems) <= set(groups[-1][0]):
            groups[-1][1].extend(pairs)
        else:
            groups.append((systems, pairs))
    return groups


def table_row(results, systems, name, parameter):
    rows = {row.system: row for row in results.beside(name, parameter)}
    unit = next(iter(rows.values())).unit
    cells = [short(rows[s].median) if s in rows else "-" for s in systems]
    mine = ratio(results, rows[OURS]) if OURS in rows else ""
    return [name, parameter, unit, *cells, mine]


def print_columns(rows):
    """The first three and the last to the left, figures to the right."""
    count = len(rows[0])
    widths = [max(len(row[i]) for row in rows) for i in range(count)]
    for row in rows:
        cells = [
            text.ljust(width) if i < 3 or i == count - 1 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        ]
        print("  ".join(cells).rstrip())


def table(results):
    for systems, pairs in table_groups(results):
        print()
        head = ["name", "parameter", "unit", *systems, "to best peer"]
        if not any(results.best_peer(*pair) for pair in pairs):
            head[-1] = ""
        print_columns([head] + [table_row(results, systems, *pair) for pair in pairs])


# ---- what is asked of the figures ----


def verdict(sense, limit, measured):
    met = measured >= limit if sense == ">=" else measured <= limit
    return f"{sense} {number(limit)}: {'met' if met else 'MISSED'}"


def ledger_ratio(results, asked):
    """The ratio of the medians, then the lowest and the highest of single rounds."""
    first, second = (results.rows.get(tuple(asked[side])) for side in ("of", "over"))
    if first is None or second is None or second.median == 0:
        return None
    rounds = [a / b for a, b in zip(first.values, second.values) if b]
    value = first.median / second.median
    said = ""
    if "sense" in asked:
        said = verdict(asked["sense"], asked["target"], value)
    figures = (value, min(rounds), max(rounds))
    return [asked["label"], *(f"{figure:.3f}" for figure in figures), said]


def ledger_ratios(results):
    rows = [ledger_ratio(results, asked) for asked in results.ratios]
    rows = [row for row in rows if row]
    if not rows:
        return
    rows.insert(0, ["ratio of the medians", "ratio", "min", "max", "target"])
    width = max(len(row[0]) for row in rows)
    print()
    for label, *figures, said in rows:
        cells = " ".join(f"{figure:>8}" for figure in figures)
        print(f"{label:<{width}}  {cells}  {said}".rstrip())


def targets(results):
    found = verdicts(results)
    if not found:
        return
    print()
    width = max(len(each.target.what) for each in found)
    for each in found:
        target = each.target
        print(
            f"target  {target.what:<{width}}  {number(each.measured):>10} "
            f"{target.unit:<12} {verdict(target.sense, target.limit, each.measured)}"
        )
    met = sum(each.met for each in found)
    rounds = results.settings.get("rounds", 0)
    few = f"; {ROUNDS} rounds are asked for, these are {rounds}"
    print(f"targets: {met} of {len(found)} met{few if rounds < ROUNDS else ''}")
