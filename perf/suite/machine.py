"""Where a run was made: what must be the same in two that are compared, and more."""

import os
import re
import subprocess
import time

# A run with another value of one of these is a run of another machine.
IDENTITY = ("machine", "cpus", "memory", "kernel")


def cpu_field(text, name):
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        text = file.read()
    model = cpu_field(text, "model name") or cpu_field(text, "CPU part") or "unknown"
    numbers = "/".join(
        cpu_field(text, name) or "-" for name in ("cpu family", "model", "stepping")
    )
    return f"{model} ({numbers})"


def memory_bytes(name="MemTotal"):
    with open("/proc/meminfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def transport(doctor):
    """What the library uses of this kernel, from `eider doctor`; {} without it."""
    try:
        done = subprocess.run(
            [doctor, "doctor"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.split(None, 1) for line in done.stdout.splitlines())
    words = {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
    return {
        key: words[key] for key in ("doorbell", "delivery", "liburing") if key in words
    }


def describe(build):
    """All that is said of the machine, in the order in which it is said."""
    system = os.uname()
    where = {
        "machine": cpu_model(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "memory": f"{round(memory_bytes() / 2**30)} GiB",
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
    where.update(transport(os.path.join(build, "eider")))
    return where


def differences(old, new):
    """What makes two machines different ones: [(what, old, new)]."""
    return [
        (key, old.get(key, "unknown"), new.get(key, "unknown"))
        for key in IDENTITY
        if old.get(key) != new.get(key)
    ]
