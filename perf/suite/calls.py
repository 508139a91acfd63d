"""Counting system calls: by perf's tracepoint, which costs little, or by strace.

Under strace every call stops its thread twice. So there are fewer calls a second, more
jobs come together for each, and threads sleep at other moments: its figures are an
estimate, and perf is taken where the kernel lets us.
"""

import os
import shutil
import tempfile

from .systems import Failed, execute, parse


class Counter:
    """@share: of the jobs of a timed run, how many are done for counting."""

    def __init__(self, words, share, read):
        self.words = words
        self.share = share
        self.read = read

    @classmethod
    def find(cls, say):
        """The best that works here, or None; @say is told which."""
        event = "raw_syscalls:sys_enter"
        perf = ["perf", "stat", "-x", ",", "-e", event, "-o"]
        known = (
            ("perf stat", cls(perf, 1, read_perf)),
            (
                "strace: an estimate",
                cls(["strace", "-f", "-c", "-o"], 0.1, read_strace),
            ),
        )
        for name, counter in known:
            if shutil.which(counter.words[0]) is None:
                continue
            try:
                calls, _ = counter.trace(["true"])
            except Failed:
                continue
            if calls > 0:
                say(f"system calls are counted by {name}")
                return counter
        say("syscalls is left out: neither perf nor strace can count here")
        return None

    def trace(self, command):
        handle, path = tempfile.mkstemp(prefix="bench-calls.")
        os.close(handle)
        try:
            _, out, _ = execute([*self.words, path, *command])
            with open(path, encoding="utf-8", errors="replace") as file:
                return self.read(file.read()), out
        finally:
            os.unlink(path)

    def run(self, program, case, count):
        """Calls of the whole process, and its lines."""
        calls, out = self.trace([program.path, *case.words(count)])
        return calls, parse(out)


def read_perf(text):
    for line in text.splitlines():
        words = line.split(",")
        if words[0].isdigit():
            return int(words[0])
    raise Failed("perf does not count here")


def read_strace(text):
    """The sum: "100.00 seconds usecs/call calls [errors] total"."""
    for line in text.splitlines():
        words = line.split()
        if words and words[-1] == "total" and words[3].isdigit():
            return int(words[3])
    raise Failed("strace does not count here")
