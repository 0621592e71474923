#!/usr/bin/python3
"""Measures busbard beside a bare relay (the least that any broker can do), Debian's mosquitto and brokers that you
name.

Each round runs each scenario once for each of them, one after the other; the figures are medians over the rounds, of
ratios within one round where a row is a ratio. bench/README.md explains the rows and how to read them.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import time

import brokers
import report
from scenarios import BUSBARD, BUSBARD_1, MOSQUITTO, RELAY, ROWS, SCENARIOS, Settings

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build/bench"
RESULTS = HERE / "results"
NOISY_CORES = 0.3  # used by other processes during a run
TRIES = 4
QUIET_S, GLANCE_S = 10, 0.2  # how long to wait for a quiet machine, and over how long it is looked at
CFLAGS = ["-O2", "-g", "-std=gnu17"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is run (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of one run (3)")
    parser.add_argument("--only", metavar="PATTERN", action="append", default=[],
                        help="only rows whose key contains PATTERN or matches it (*, ?); may be repeated")
    parser.add_argument("--broker", metavar="NAME=COMMAND", action="append", default=[], type=given_broker,
                        help="one more broker, on the port that stands for {port} in COMMAND; may be repeated")
    parser.add_argument("--skip", metavar="NAME", action="append", default=[], help="leave mosquitto out, for instance")
    parser.add_argument("--quick", action="store_true",
                        help="one short round with fewer connections and subscriptions, on a machine however busy")
    parser.add_argument("--output", metavar="FOLDER", type=pathlib.Path,
                        help="for the table, the figures and the picture (bench/results if nothing is left out, "
                             "else build/bench)")
    parser.add_argument("--list", action="store_true", help="the keys of the rows, what they are and their targets")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1
    return chosen


def given_broker(text):
    try:
        return brokers.given(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def say(text):
    print(text, flush=True)


def compiled(name):
    source, program = HERE / f"{name}.c", BUILD / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), *CFLAGS, "-D_GNU_SOURCE", "-o", program, source], check=True)
    return str(program)


def built(name):
    """A program of the release build, or another one that the variable of its name names."""
    program = pathlib.Path(os.environ.get(name.upper(), ROOT / "build/release" / name))
    if not program.exists():
        sys.exit(f"bench: {program} does not exist; run ./dev build")
    return str(program)


def subjects(more, skipped):
    program = built("busbard")
    found = [brokers.relay(compiled("relay")), brokers.busbard(program, 1), brokers.busbard(program, 2),
             brokers.mosquitto()]
    if not found[-1]:
        say("bench: mosquitto is not installed; rows that are compared with it have no verdict")
    return [subject for subject in found + more if subject and subject.name not in skipped]


def wanted_rows(patterns):
    """A pattern stands for the row of that key; or for all that it matches; or, without * and ?, that contain it."""
    keys = [row.key for row in ROWS]
    wanted = set(keys if not patterns else ())
    for pattern in patterns:
        wanted.update([pattern] if pattern in keys else fnmatch.filter(keys, pattern) or
                      [key for key in keys if pattern in key])
    return [row for row in ROWS if row.key in wanted]


def plan(rows, everyone, more):
    """Pairs of a scenario's key and a subject, in the order of one round. Brokers that were given run what mosquitto
    runs; one-worker busbard runs only where a row asks for it."""
    for key in dict.fromkeys(row.scenario for row in rows):
        needed = {name for row in rows if row.scenario == key for name in (row.subject, row.per)} | {MOSQUITTO}
        for subject in everyone:
            if subject in more or subject.name in needed and subject.name in SCENARIOS[key].subjects:
                yield key, subject


def machine_cpu_s():
    """CPU time that the whole machine has spent working."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _wait, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def await_quiet():
    """Between two runs nothing of ours works, so all that does would disturb the next one."""
    end = time.monotonic() + QUIET_S
    while time.monotonic() < end:
        before = machine_cpu_s()
        time.sleep(GLANCE_S)
        if machine_cpu_s() - before < NOISY_CORES * GLANCE_S:
            return


def measured(settings, key, subject, hasty):
    """One run, repeated while other processes disturb it, unless it is hasty; what went wrong is a figure too."""
    for _ in range(1 if hasty else TRIES):
        if not hasty:
            await_quiet()
        try:
            figures = SCENARIOS[key].run(settings, subject)
        except (brokers.Failed, subprocess.TimeoutExpired) as failure:
            return {"error": str(failure)}
        if figures.get("other_cores", 0) < NOISY_CORES:
            break
    figures["noisy"] = figures.get("other_cores", 0) >= NOISY_CORES
    return figures


def concerns(row, key, subject):
    """Whether the row shows a figure of this subject's run of scenario `key`."""
    own = {RELAY: row.per, BUSBARD: row.subject, BUSBARD_1: row.subject}.get(subject.name, subject.name)
    return row.scenario == key and own == subject.name


def progress(rows, key, subject, figures):
    if "error" in figures:
        return f"failed: {figures['error']}"
    shown = [f"{row.key} {report.number(row.figure(figures))} {row.unit}" for row in rows
             if concerns(row, key, subject)]
    if figures["noisy"]:
        shown.append(f"(noisy: other processes used {figures['other_cores']:.2f} cores)")
    return "  ".join(shown)


def main():
    chosen = arguments()
    rows = wanted_rows(chosen.only)
    if not rows:
        sys.exit("bench: no row matches; --list shows them")
    if chosen.list:
        for row in rows:
            say(f"{row.key:22}{report.target_text(row):>14}  {row.what}")
        return
    files = brokers.allow_many_files()
    settings = Settings(busbar=built("busbar"), subscriptions=compiled("subscriptions"),
                        seconds=chosen.seconds, idle_connections=min(2000 if chosen.quick else 15000, files - 500),
                        subscriptions_now=100_000 if chosen.quick else 1_000_000)
    everyone = subjects(chosen.broker, chosen.skip)
    steps = list(plan(rows, everyone, chosen.broker))
    rounds = []
    with open(BUILD / "runs.jsonl", "w") as record:
        for number in range(chosen.rounds):
            rounds.append({})
            for step, (key, subject) in enumerate(steps, 1 + number * len(steps)):
                figures = measured(settings, key, subject, chosen.quick)
                rounds[-1].setdefault(key, {})[subject.name] = figures
                print(json.dumps({"round": number + 1, "run": key, "subject": subject.name, **figures}), file=record)
                say(f"[{step}/{len(steps) * chosen.rounds}] {key:14}{subject.name:11}"
                    f"{progress(rows, key, subject, figures)}")
    output = chosen.output or (BUILD if chosen.only or chosen.skip or chosen.quick else RESULTS)
    report.write(output, report.Results(rows, rounds, everyone, settings))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
