"""From runs to results: the medians, the Markdown table, the JSON file; chart.py draws the picture."""

import dataclasses
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess

import brokers
import chart
from scenarios import BUSBARD, BUSBARD_1, MOSQUITTO, RELAY

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Results:
    rows: list
    rounds: list  # of {scenario: {subject's name: figures}}
    subjects: list
    settings: object

    def values(self, row, name):
        """What subject `name` has in this row, round by round: pairs of the value (a ratio where the row is one) and
        the plain figure."""
        for runs in self.rounds:
            own, other = (runs.get(row.scenario, {}).get(who) for who in (name, row.per))
            if not usable(own) or row.per and not usable(other):
                continue
            figure = row.figure(own)
            base = row.figure(other) if row.per else 1
            if base:
                yield figure / base, figure

    def median(self, row, name):
        values = list(self.values(row, name))
        return statistics.median(value for value, _ in values) if values else None

    def median_figure(self, row, name):
        figures = [row.figure(runs[row.scenario][name]) for runs in self.rounds
                   if usable(runs.get(row.scenario, {}).get(name))]
        return statistics.median(figures) if figures else None

    def failure(self, row, name):
        """Why there is no figure: what the last failed run said."""
        said = [runs[row.scenario][name]["error"] for runs in self.rounds
                if "error" in runs.get(row.scenario, {}).get(name, {})]
        return said[-1] if said else None

    def noisy(self, row, name):
        """Rounds in which other processes disturbed this figure."""
        return sum(any(runs.get(row.scenario, {}).get(who, {}).get("noisy") for who in (name, row.per))
                   for runs in self.rounds)

    def others(self):
        """Those with a column beside busbard's: mosquitto and the brokers that were given."""
        return [subject for subject in self.subjects if subject.name not in (RELAY, BUSBARD, BUSBARD_1)]

    def verdict(self, row):
        value = self.median(row, row.subject)
        if value is None:
            return "failed" if self.failure(row, row.subject) else "not measured"
        return "holds" if row.holds(value) else "misses"

    def machine_speed(self):
        """The time that the relay takes, divided by what it took where the targets were set; None without it."""
        ratios = [self.median_figure(row, RELAY) / row.relay_then for row in self.rows
                  if row.relay_then and self.median_figure(row, RELAY)]
        return statistics.median(ratios) if ratios else None


def usable(figures):
    return figures is not None and "error" not in figures


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def target_text(row):
    per = f" × {row.per}" if row.per else "" if row.unit == "×" else f" {row.unit}"
    return f"{'≥' if row.at_least else '≤'} {row.target:,.4g}{per}"


def cell(results, row, name, strong=False):
    value = results.median(row, name)
    if value is None:
        return "failed" if results.failure(row, name) else "–"
    text = f"**{number(value)}**" if strong else number(value)
    if row.per == name:
        text = f"{number(results.median_figure(row, name))} {row.unit}"
    elif row.per:
        text += f" ({number(results.median_figure(row, name))} {row.unit})"
    return text + ("\u00a0~" if results.noisy(row, name) else "")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    memory_kb = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    system = next((line.split("=", 1)[1].strip().strip('"') for line in open("/etc/os-release")
                   if line.startswith("PRETTY_NAME")), platform.system())
    return (f"{len(os.sched_getaffinity(0))} cores of {model}, {memory_kb / 2**20:.0f} GB of memory, {system}, "
            f"Linux {platform.release()}")


def commit():
    """What was measured: the commit, marked where files differ from it; empty outside of a clone."""
    if not shutil.which("git"):
        return ""
    run = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return run.stdout.strip()


def heading(subject):
    return f"{subject.name} {brokers.version_of(subject)}" if subject.name == MOSQUITTO else subject.name


def table(results):
    others = results.others()
    head = ["", "target", "busbard", *(heading(subject) for subject in others), "relay", ""]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|" + "---|" * (len(others) + 2)]
    for row in results.rows:
        relay = results.median_figure(row, RELAY) if row.per == RELAY else None
        # A row about one-worker busbard compares it with the same others.
        cells = [row.what, target_text(row), cell(results, row, row.subject, strong=True),
                 *(cell(results, row, subject.name) for subject in others),
                 f"{number(relay)} {row.unit}" if relay else "", results.verdict(row)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def notes(results):
    settings, speed = results.settings, results.machine_speed()
    lines = [f"Measured on {datetime.date.today()} with busbard at {commit() or 'an unknown commit'}: {machine()}. "
             f"{len(results.rounds)} {'rounds, medians of them' if len(results.rounds) > 1 else 'round'}; "
             f"{settings.seconds:g} s a run."]
    if speed:
        lines.append(f"The relay needs {speed:.2f} times what it needed where the targets were set; figures that are not "
                     "ratios are to be seen in that light.")
    shown = {row.scenario for row in results.rows}
    if "idle" in shown and settings.idle_connections != 15000:
        lines.append(f"Idle connections: {settings.idle_connections:,} in place of 15,000.")
    if "subscriptions" in shown and settings.subscriptions_now != 1_000_000:
        lines.append(f"Subscriptions: {settings.subscriptions_now:,} in place of 1,000,000.")
    lines += failures(results)
    if any(results.noisy(row, row.subject) for row in results.rows):
        lines.append("~: other processes used 0.3 cores or more in at least one round.")
    return lines


def failures(results):
    """One line for each broker and reason, with the rows that it concerns."""
    rows = {}
    for row in results.rows:
        for name in dict.fromkeys((row.subject, row.per, *(subject.name for subject in results.others()))):
            reason = results.failure(row, name)
            if reason:
                rows.setdefault((name, reason), []).append(row.key)
    return [f"Failed: {name} in {', '.join(keys)}: {reason}." for (name, reason), keys in rows.items()]


def markdown(results, has_picture):
    parts = ["# Results", *notes(results)]
    if has_picture:
        parts.append("![CPU time of one delivered message, as a multiple of the bare relay's](results.svg)")
    parts.append(table(results))
    parts.append("CPU times are of all threads of the broker, for one message delivered (or one connection, one "
                 "subscription ...); what stands in brackets is the plain figure behind a ratio. "
                 "bench/README.md explains the rows.")
    return "\n\n".join(parts) + "\n"


def as_json(results):
    def rows():
        for row in results.rows:
            names = (row.subject, *(subject.name for subject in results.others()))
            yield {"key": row.key, "what": row.what, "unit": row.unit, "per": row.per, "target": row.target,
                   "at_least": row.at_least, "verdict": results.verdict(row),
                   "relay": results.median_figure(row, RELAY) if row.per == RELAY else None,
                   "values": {name: {"median": results.median(row, name), "figure": results.median_figure(row, name),
                                     "rounds": [value for value, _ in results.values(row, name)],
                                     "noisy_rounds": results.noisy(row, name)} for name in names}}
    return {"date": str(datetime.date.today()), "commit": commit(), "machine": machine(),
            "machine_speed": results.machine_speed(), "rounds": len(results.rounds),
            "settings": {"seconds": results.settings.seconds, "idle_connections": results.settings.idle_connections,
                         "subscriptions": results.settings.subscriptions_now},
            "rows": list(rows())}


def write(folder, results):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [chart.Line(row.what, row.target, {BUSBARD: results.median(row, row.subject)} |
                        {subject.name: results.median(row, subject.name) for subject in results.others()})
             for row in results.rows if row.per == RELAY]
    names = [BUSBARD, *(subject.name for subject in results.others())]
    if lines:
        (folder / "results.svg").write_text(chart.draw(lines, names))
    text = markdown(results, bool(lines))
    (folder / "results.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(as_json(results), indent=1, ensure_ascii=False) + "\n")
    print(f"\n{text}\n{folder}: results.md, results.json{', results.svg' if lines else ''}")
