"""A file of results, drawn by gnuplot: each figure as SVG and as PNG.

ratios          ours against each peer, how many times better; logarithmic
latency-...     the distribution of a time: what part of the answers took less
grow-jobs, grow-threads, and -cpu of both
                what a job costs, against how many there are, of how many threads
"""

import math
import os
import shutil
import subprocess

from .results import OURS, is_peer, times_better

POINTS = {
    "p01": 0.01,
    "p10": 0.10,
    "p25": 0.25,
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p99": 0.99,
    "p999": 0.999,
}

# What the figure of the ratios shows, as far as it was measured.
SHOWN = (
    ("jobs", "workers=1,inflight=1"),
    ("jobs", "workers=1,inflight=1024"),
    ("jobs", "workers=2,inflight=1024"),
    ("jobs", "workers=4,inflight=1024"),
    ("jobs_cpu", "workers=1,inflight=1024"),
    ("jobs_cpu", "workers=2,inflight=1024"),
    ("roundtrip_p50", "gap_us=0"),
    ("roundtrip_p99", "gap_us=0"),
    ("roundtrip_p50", "gap_us=1000"),
    ("roundtrip_cpu", "gap_us=1000"),
    ("busy_efficiency", "workers=2,inflight=64,ns=1000"),
    ("busy_efficiency", "workers=2,inflight=64,ns=10000"),
    ("burst", "workers=2,count=100000"),
    ("burst_memory", "workers=2,count=100000"),
    ("sleepers", "threads=64,ms=10,rounds=20"),
    ("contexts", "contexts=64,inflight=1024"),
    ("spawn_join", "-"),
    ("switch", "-"),
    ("waiting_memory", "count=100000"),
    ("waiting_memory", "count=1000000"),
    ("loops", "loops=2,workers=2,inflight=1024"),
    ("echo_p99", "connections=16,rate=1"),
    ("echo_p99", "connections=16,rate=1000000"),
    ("syscalls", "workers=1,inflight=1024"),
    ("ledger_health", "connections=64"),
    ("ledger_health_cpu", "connections=64"),
)

# A system looks the same in all figures.
COLOURS = {
    OURS: "#000000",
    "libuv": "#1f77b4",
    "glib": "#ff7f0e",
    "asio": "#2ca02c",
    "tokio": "#d62728",
    "go": "#17becf",
    "asyncio": "#9467bd",
    "asgiref": "#e377c2",
    "nginx": "#8c564b",
    "raw-futex": "#7f7f7f",
    "raw-spin": "#a0a0a0",
    "raw-message": "#c0c0c0",
}
OTHERS = ("#bcbd22", "#98df8a", "#ffbb78", "#aec7e8", "#c49c94", "#f7b6d2")


class Unable(Exception):
    """Drawing is not possible, and why."""


def colours(systems):
    free = iter(OTHERS * (1 + len(systems) // len(OTHERS)))
    return {system: COLOURS.get(system) or next(free) for system in systems}


def quoted(text):
    """For gnuplot, which would make markup of some characters: noenhanced is set."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Figure:
    def __init__(self, name, title, width, height):
        self.name = name
        self.size = (width, height)
        self.commands = [
            "set encoding utf8",
            f"set title {quoted(title)} noenhanced",
            "set grid",
            "set border 3",
            "set tics nomirror noenhanced",
            "set key noenhanced",
        ]
        self.blocks = []

    def add(self, *commands):
        self.commands += commands

    def block(self, rows):
        """Data; returns its name."""
        name = f"$data{len(self.blocks)}"
        lines = "\n".join(" ".join(str(cell) for cell in row) for row in rows)
        self.blocks.append(f"{name} << END\n{lines}\nEND")
        return name

    def draw(self, folder):
        """Returns the paths."""
        width, height = self.size
        look = f"size {width},{height} background '#ffffff' font 'sans"
        terminals = {"svg": f"svg {look},12'", "png": f"pngcairo {look},10'"}
        paths = []
        for kind, terminal in terminals.items():
            path = os.path.join(folder, f"{self.name}.{kind}")
            script = [f"set terminal {terminal}", f"set output {quoted(path)}"]
            run_gnuplot("\n".join(script + self.blocks + self.commands) + "\n", path)
            paths.append(path)
        return paths


def run_gnuplot(script, path):
    try:
        done = subprocess.run(
            ["gnuplot"],
            input=script,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unable(f"gnuplot: {error}") from error
    if done.returncode or not os.path.exists(path) or not os.path.getsize(path):
        raise Unable(f"gnuplot cannot draw {path}: {done.stderr.strip()}")


# ---- ours against each peer ----


def ratio_rows(results):
    """[(label, [(peer, times, lowest, highest)])]"""
    pairs = [
        pair for pair in SHOWN if pair[0] in {row.name for row in results.rows.values()}
    ]
    if not pairs:
        pairs = dict.fromkeys(
            (row.name, row.parameter) for row in results.rows.values()
        )
    rows = []
    for name, parameter in pairs:
        mine = results.get(name, parameter)
        bars = []
        for row in results.beside(name, parameter):
            times = None
            if mine and is_peer(row.system):
                times = times_better(mine.median, row.median, row.unit)
            if times:
                bars.append((row.system, times))
        if bars:
            rows.append((name if parameter == "-" else f"{name} {parameter}", bars))
    return rows


def ratios(results, footnote):
    rows = ratio_rows(results)
    if not rows:
        return None
    systems = list(dict.fromkeys(system for _, bars in rows for system, _ in bars))
    colour = colours(systems)
    data = {system: [] for system in systems}
    labels, at = [], 0.0
    for label, bars in reversed(rows):
        labels.append(f"{quoted(label)} {at + (len(bars) - 1) / 2}")
        for system, times in reversed(bars):
            box = (min(1.0, times), max(1.0, times), at - 0.42, at + 0.42)
            data[system].append((times, at, *box))
            at += 1
        at += 1
    values = [times for _, bars in rows for _, times in bars]
    low = 10 ** math.floor(math.log10(min(values + [0.5])))
    high = 10 ** math.ceil(math.log10(max(values + [2])))
    figure = Figure(
        "ratios",
        "Times better than each peer (right of 1: ours is)",
        1000,
        160 + int(11 * at),
    )
    figure.add(
        "set logscale x",
        f"set xrange [{low}:{high}]",
        f"set yrange [-1:{at}]",
        "unset grid",
        "set grid xtics",
        f"set ytics ({', '.join(labels)})",
        "set key outside right top",
        "set style fill solid",
        f"set xlabel {quoted(footnote)} noenhanced",
        f"set arrow from 1,-1 to 1,{at} nohead front lc rgb '#000000'",
    )
    plots = [
        f"{figure.block(data[system])} using 1:2:3:4:5:6 with boxxyerror "
        f"lc rgb '{colour[system]}' title {quoted(system)}"
        for system in systems
    ]
    figure.add("plot " + ", ".join(plots))
    return figure


# ---- distributions ----


def distribution(results, name, parameter, system):
    points = []
    for point, share in POINTS.items():
        value = results.median(f"{name}_{point}", parameter, system)
        if value is not None and value > 0:
            points.append((-math.log10(1 - share), value))
    return points


def latency(results, name, parameter, footnote):
    rows = results.beside(f"{name}_p50", parameter)
    systems = [row.system for row in rows]
    lines = {s: distribution(results, name, parameter, s) for s in systems}
    lines = {system: points for system, points in lines.items() if len(points) > 1}
    if not lines:
        return None
    colour = colours(list(lines))
    words = parameter.replace("=", "-").replace(",", "-")
    figure = Figure(f"latency-{name}-{words}", f"{name} {parameter}", 900, 560)
    tics = [
        f"'{label} %%' {-math.log10(1 - share)}"
        for label, share in (
            ("1", 0.01),
            ("50", 0.5),
            ("75", 0.75),
            ("90", 0.9),
            ("99", 0.99),
            ("99.9", 0.999),
        )
    ]
    figure.add(
        "set logscale y",
        f"set xtics ({', '.join(tics)})",
        "set ylabel 'us'",
        f"set xlabel {quoted('part that took less; ' + footnote)} noenhanced",
        "set key outside right top",
    )
    plots = [
        f"{figure.block(points)} with linespoints pt 7 ps 0.6 "
        f"lw {3 if system == OURS else 1.5} "
        f"lc rgb '{colour[system]}' title {quoted(system)}"
        for system, points in lines.items()
    ]
    figure.add("plot " + ", ".join(plots))
    return figure


def latencies(results, footnote):
    wanted = dict.fromkeys(
        (row.name.removesuffix("_p50"), row.parameter)
        for row in results.rows.values()
        if row.name in ("roundtrip_p50", "echo_p50")
    )
    return [latency(results, *pair, footnote) for pair in wanted]


# ---- cost against work ----


def keys_of(parameter):
    pairs = (word.split("=", 1) for word in parameter.split(",") if "=" in word)
    return {name: int(value) for name, value in pairs if value.isdigit()}


def cost_of(row):
    """Nanoseconds a job: the median, the lowest and the highest."""
    values = (row.median, min(row.values), max(row.values))
    if row.unit == "jobs/s":
        return tuple(sorted((1e9 / v if v > 0 else 0.0 for v in values)))
    return tuple(sorted(values))


def growth(results, rows_name, axis, fixed, footnote):
    """@axis: the key that grows; @fixed: others, and the values they have."""
    lines = {}
    for row in results.rows.values():
        keys = keys_of(row.parameter)
        if row.name == rows_name and keys == {axis: keys.get(axis), **fixed}:
            low, middle, high = cost_of(row)
            lines.setdefault(row.system, []).append((keys[axis], middle, low, high))
    lines = {
        system: sorted(points) for system, points in lines.items() if len(points) > 1
    }
    if not lines:
        return None
    colour = colours(list(lines))
    cpu = rows_name.endswith("_cpu")
    what = "jobs" if axis == "count" else "threads"
    name = f"grow-{what}{'-cpu' if cpu else ''}"
    kind = "CPU time" if cpu else "Time"
    figure = Figure(name, f"{kind} of a job, by the number of {what}", 900, 560)
    figure.add(
        "set logscale xy",
        f"set ylabel 'ns a job{' (CPU)' if cpu else ''}'",
        f"set xlabel {quoted('number of ' + what + '; ' + footnote)} noenhanced",
        "set format x '%.0f'" if axis == "workers" else "set format x '10^{%L}'",
        "set xtics enhanced",
        "set key outside right top",
    )
    if axis == "workers":
        figure.add("set xtics (1, 4, 16, 64, 256)")
    plots = [
        f"{figure.block(points)} using 1:2:3:4 with yerrorlines pt 7 ps 0.6 "
        f"lw {3 if system == OURS else 1.5} "
        f"lc rgb '{colour[system]}' title {quoted(system)}"
        for system, points in sorted(lines.items(), key=lambda line: line[0] != OURS)
    ]
    figure.add("plot " + ", ".join(plots))
    return figure


def growths(results, footnote):
    return [
        growth(results, name, axis, fixed, footnote)
        for name in ("grow", "grow_cpu")
        for axis, fixed in (
            ("count", {"workers": 1, "inflight": 64}),
            ("workers", {"inflight": 1024}),
        )
    ]


def draw(results, folder):
    """Returns the paths of what was drawn. Raises Unable and OSError."""
    if shutil.which("gnuplot") is None:
        raise Unable("gnuplot is not there (Debian: gnuplot-nox)")
    where = results.where
    footnote = ", ".join(
        part
        for part in (
            where.get("machine", ""),
            where.get("cpus", "?") + " CPUs",
            where.get("kernel", ""),
            f"{results.settings.get('rounds', '?')} rounds",
        )
        if part
    )
    os.makedirs(folder, exist_ok=True)
    figures = [ratios(results, footnote)]
    figures += latencies(results, footnote) + growths(results, footnote)
    paths = []
    for figure in figures:
        if figure is not None:
            paths += figure.draw(folder)
    return paths
