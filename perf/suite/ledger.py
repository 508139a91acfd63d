"""The ledger's benchmark, a script of its own, as one more source of lines.

`perf/ledger BUILD --lines PART...` prints lines of five words and

    ratio LABEL NAME SYSTEM PARAMETER over NAME SYSTEM PARAMETER [SENSE TARGET]

for what it wants to have compared, as for it the parameters of two sides may differ.
Here all names get "ledger_" before them: `loops` and `memory` are other things too.
"""

import os
import signal
import subprocess

from .systems import parse_line

PREFIX = "ledger_"
TIMEOUT_S = 7200
STOP_S = 20


def read_ratio(words):
    """One of its ratio lines, as the file keeps it; None if it is none."""
    if len(words) not in (9, 11) or words[0] != "ratio" or words[5] != "over":
        return None
    ratio = {"label": words[1], "of": words[2:5], "over": words[6:9]}
    if len(words) == 11:
        try:
            ratio["sense"], ratio["target"] = words[9], float(words[10])
        except ValueError:
            return None
        if ratio["sense"] not in (">=", "<="):
            return None
    return ratio


def read_lines(text, results, prefix=""):
    """Returns the remarks and what could not be read."""
    remarks, unknown = [], []
    for line in text.splitlines():
        words = line.split()
        parsed = parse_line(line)
        ratio = read_ratio(words)
        if not words:
            continue
        if words[0] == "#":
            remarks.append(line)
        elif parsed:
            results.add([(prefix + parsed[0], *parsed[1:])])
        elif ratio:
            ratio["label"] = prefix + ratio["label"]
            for side in ("of", "over"):
                ratio[side][0] = prefix + ratio[side][0]
            if ratio not in results.ratios:
                results.ratios.append(ratio)
        else:
            unknown.append(line)
    return remarks, unknown


def stop(process):
    """Its servers are its own to end; it does so at SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(STOP_S)
            return
        except subprocess.TimeoutExpired:
            continue


def run(command, environment, results, say, fail):
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        fail(f"{command[0]}: not done after {TIMEOUT_S} s")
        return
    finally:
        if process.poll() is None:
            stop(process)
    remarks, unknown = read_lines(out, results, PREFIX)
    for remark in remarks:
        print(remark)
    for line in unknown:
        fail(f"{command[0]}: prints what is no result: {line[:60]!r}")
    if process.returncode:
        fail(f"{command[0]}: exit status {process.returncode}")
