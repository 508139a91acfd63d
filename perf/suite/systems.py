"""The programs that are measured, and how one is run.

A program is BUILD/bench_NAME, and understands `version`, `list` and WORK KEY=VALUE...
(README.md). Whatever it starts is in a session of its own and is gone when the run is
over, in whatever way that ended.
"""

import math
import os
import signal
import subprocess
import time

from . import plan

TIMEOUT_S = 60


class Failed(Exception):
    """A program did not do what it was asked to. @refused: it said so itself, by 1."""

    def __init__(self, words, refused=False):
        super().__init__(words)
        self.refused = refused


def end_session(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def last_words(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "without a word"


def execute(command, pinned=False, timeout=TIMEOUT_S):
    """Run it. Returns seconds, standard output and standard error."""
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=one_cpu if pinned else None,
        )
    except OSError as error:
        raise Failed(f"does not start: {error.strerror}") from error
    try:
        out, errors = process.communicate(timeout=timeout)
        seconds = time.monotonic() - begun
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not done after {timeout} s, killed") from error
    finally:
        end_session(process)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise Failed(f"killed by {name}: {last_words(errors)}")
    if process.returncode > 0:
        raise Failed(
            f"exit status {process.returncode}: {last_words(errors)}",
            refused=process.returncode == 1,
        )
    return seconds, out, errors


def parse_line(line):
    """(name, system, parameter, value, unit), or None."""
    words = line.split()
    if len(words) != 5:
        return None
    try:
        value = float(words[3])
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return (*words[:3], value, words[4])


def parse(out):
    lines = []
    for text in out.splitlines():
        line = parse_line(text)
        if line is None:
            raise Failed(f"prints what is no result: {text[:60]!r}")
        lines.append(line)
    if not lines:
        raise Failed("prints nothing")
    return lines


class Program:
    def __init__(self, name, path):
        self.name = name
        self.path = path
        self.version = ""
        self.works = set()

    def ask(self):
        """Learn its version and works."""
        out = execute([self.path, "version"])[1].strip()
        if len(out.splitlines()) != 1:
            raise Failed("says no version")
        self.version = out
        self.works = set(execute([self.path, "list"])[1].split())

    @property
    def is_ours(self):
        return self.name == "eider"

    def run(self, case, count=0):
        """Returns seconds, with start and end, and the lines."""
        seconds, out, _ = execute([self.path, *case.words(count)], case.pinned)
        return seconds, [self.adapt(case, line) for line in parse(out)]

    @staticmethod
    def adapt(case, line):
        name, system, parameter, value, unit = line
        if case.label:
            parameter = case.label if parameter == "-" else f"{parameter},{case.label}"
        return case.rename.get(name, name), system, parameter, value, unit


def find(build, wanted, say, fail):
    """The programs in @build that work, ours first. @wanted: peers, or None for all."""
    found = []
    for name in plan.PROGRAMS:
        path = os.path.join(build, f"bench_{name}")
        if name != "eider" and wanted is not None and name not in wanted:
            continue
        if not os.access(path, os.X_OK):
            if name == "eider":
                fail(f"{path} is not built: the others are without ours")
            else:
                say(f"{name} is left out: there is no {path}")
            continue
        program = Program(name, path)
        try:
            program.ask()
        except Failed as failure:
            fail(f"bench_{name}: {failure}")
            continue
        found.append(program)
    return found
