"""Lines of many rounds put together, and the file they are kept in."""

import json
import os
import statistics
import tempfile

OURS = "eider"
# Limits, constants and plainer ways of our own: no ratio to the best peer counts them.
NOT_PEERS = {"call", "callback", "each", "target"}
# How much of a CPU was used is neither good nor bad.
NEUTRAL_UNITS = {"%CPU"}
FORMAT = 1


def is_ours(system):
    return system == OURS or system.startswith(OURS + "-")


def is_peer(system):
    return (
        not is_ours(system)
        and not system.startswith("raw-")
        and system not in NOT_PEERS
    )


def more_is_better(unit):
    return unit.endswith("/s") or unit == "%"


def times_better(value, than, unit):
    """How many times better @value is; None where that has no meaning."""
    first, second = (value, than) if more_is_better(unit) else (than, value)
    return first / second if first > 0 and second > 0 else None


class Row:
    """All values of one name, system and parameter, in the order of the rounds."""

    def __init__(self, name, system, parameter, unit, values=()):
        self.name = name
        self.system = system
        self.parameter = parameter
        self.unit = unit
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def key(self):
        return self.name, self.system, self.parameter

    def as_json(self):
        return {
            "name": self.name,
            "system": self.system,
            "parameter": self.parameter,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
        }


class Results:
    def __init__(self):
        self.rows = {}  # (name, system, parameter): Row
        self.ratios = []  # those that perf/ledger asks for
        self.where = {}
        self.settings = {}
        self.versions = {}
        self.counts = {}
        self.failures = []

    def add(self, lines):
        for name, system, parameter, value, unit in lines:
            key = (name, system, parameter)
            row = self.rows.setdefault(key, Row(name, system, parameter, unit))
            row.values.append(value)

    def get(self, name, parameter, system=OURS):
        return self.rows.get((name, system, parameter))

    def median(self, name, parameter, system=OURS):
        row = self.get(name, parameter, system)
        return row.median if row else None

    def beside(self, name, parameter):
        """The rows of all systems, ours first, the others as they came."""
        rows = [
            r for r in self.rows.values() if (r.name, r.parameter) == (name, parameter)
        ]
        return sorted(rows, key=lambda row: not is_ours(row.system))

    def best_peer(self, name, parameter):
        peers = [row for row in self.beside(name, parameter) if is_peer(row.system)]
        if not peers or peers[0].unit in NEUTRAL_UNITS:
            return None
        best = max if more_is_better(peers[0].unit) else min
        return best(peers, key=lambda row: row.median)

    def ratio(self, row):
        """Times better than the best peer, and that one; (None, None) without."""
        best = self.best_peer(row.name, row.parameter)
        if best is None or not (is_peer(row.system) or is_ours(row.system)):
            return None, None
        return times_better(row.median, best.median, row.unit), best

    # ---- the file ----

    def as_json(self):
        return {
            "format": FORMAT,
            "where": self.where,
            "settings": self.settings,
            "versions": self.versions,
            "counts": self.counts,
            "failures": self.failures,
            "ratios": self.ratios,
            "results": [row.as_json() for row in self.rows.values()],
        }

    @classmethod
    def read(cls, path):
        """Raises OSError, or ValueError for what is not such a file."""
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("not a file of perf/run, or of another version of it")
        results = cls()
        try:
            for part in ("where", "settings", "versions", "counts"):
                setattr(results, part, dict(data[part]))
            results.ratios = list(data["ratios"])
            results.failures = list(data["failures"])
            for each in data["results"]:
                values = [float(value) for value in each["values"]]
                if not values:
                    raise ValueError("a result without values")
                names = (each["name"], each["system"], each["parameter"])
                results.rows[names] = Row(*names, each["unit"], values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"damaged: {error!r}") from error
        return results


class Keeper:
    """A file that is there whole or not at all, and known to be writable before."""

    def __init__(self, path):
        self.path = path
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            raise IsADirectoryError(21, "Is a directory", path)
        handle, self.draft = tempfile.mkstemp(prefix=".bench-", dir=folder)
        os.close(handle)

    def write(self, data):
        with open(self.draft, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
        os.chmod(self.draft, 0o644)
        os.replace(self.draft, self.path)

    def drop(self):
        """After write() there is nothing to drop."""
        try:
            os.unlink(self.draft)
        except FileNotFoundError:
            pass
