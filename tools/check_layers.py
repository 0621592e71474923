#!/usr/bin/python3
"""Includes run one way only: every #include of ours in src/ must agree with the table in ARCHITECTURE.md.

usage: check_layers.py ROOT | --self-test

A row of that table is | `folder` | what lives here | may include | doors |. A file may include any header of its own
folder, and of the folders that its row names the doors only. Tests, fuzzers and benchmarks keep to the same rules; all
they may do beyond is to include <cmocka.h>.
"""

import collections
import pathlib
import re
import sys
import tempfile

Row = collections.namedtuple("Row", "may_include doors")  # doors: None where every header is one
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
HELPER = re.compile(r"_(test|fuzz|bench)\.[ch]$")


def table(text):
    """The rows of the include table; "every header" opens a whole folder."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            folder, _, may_include, doors = cells
            opened = None if doors == "every header" else set(re.findall(r"`([^`]+)`", doors))
            rows[folder.strip("`")] = Row(set(re.findall(r"`([^`]+)`", may_include)), opened)
    return rows


def problem_of(rows, path, quote, target):
    """What is wrong with one #include of src/`path`, or None."""
    folder = path.parts[0]
    if quote == "<":
        return "only tests include cmocka" if target == "cmocka.h" and not HELPER.search(path.name) else None
    if "/" not in target:
        return f'write the folder too: "{folder}/{target}"'
    other, header = target.split("/", 1)
    if other == folder:
        return None
    if other not in rows:
        return f"{other} is not in the table of ARCHITECTURE.md"
    if other not in rows[folder].may_include:
        return f"{folder} may not include {other}"
    doors = rows[other].doors
    if doors is not None and header not in doors:
        return f"{target} is private to {other}; its doors are {' '.join(sorted(doors))}"
    return None


def problems(root):
    rows = table((root / "ARCHITECTURE.md").read_text())
    if not rows:
        return ["ARCHITECTURE.md: the include table was not found"]
    found, seen = [], set()
    for file in sorted((root / "src").rglob("*.[ch]")):
        path = file.relative_to(root / "src")
        seen.add(path.parts[0])
        if path.parts[0] not in rows:
            found.append(f"src/{path}:1: {path.parts[0]} is not in the table of ARCHITECTURE.md")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            problem = problem_of(rows, path, *match.groups()) if match else None
            if problem:
                found.append(f"src/{path}:{number}: {problem}")
    found += [f"ARCHITECTURE.md: {folder} is in the table, but not in src/" for folder in sorted(rows.keys() - seen)]
    return found


TEST_TABLE = """
| folder | what lives here | may include | doors |
|---|---|---|---|
| `base` | tools | nothing of ours | every header |
| `wire` | codec | `base` | `wire.h` |
| `broker` | decisions | `base` `wire` | `broker.h` `limits.h` |
"""

TEST_FILES = {  # what is included from where, and the words that the complaint must contain (None: there is none)
    "base/span.h": ("<stddef.h>", None),
    "base/list.c": ('"base/private.h"', None),
    "base/map.c": ('"wire/wire.h"', "base may not include wire"),
    "wire/wire.h": ('"base/span.h"', None),
    "wire/decode.c": ('"decode.h"', "write the folder"),
    "wire/encode.c": ('"nowhere/nowhere.h"', "not in the table"),
    "wire/table.c": ("<cmocka.h>", "only tests include cmocka"),
    "wire/table_test.c": ("<cmocka.h>", None),
    "wire/loop_test.c": ('"broker/broker.h"', "wire may not include broker"),
    "broker/broker.h": ('"wire/wire.h"', None),
    "broker/route.c": (' "wire/decode.h"', "private to wire"),
    "lost/lost.c": ("<stddef.h>", "lost is not in the table"),
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "ARCHITECTURE.md").write_text(TEST_TABLE)
        for name, (target, _) in TEST_FILES.items():
            file = root / "src" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"/* a file */\n#include {target}\n")
        found = {problem.split(":")[0]: problem for problem in problems(root)}
        for name, (_, words) in TEST_FILES.items():
            problem = found.pop(f"src/{name}", None)
            assert (words is None and problem is None) or (words and words in (problem or "")), (name, words, problem)
        assert not found, found
        (root / "ARCHITECTURE.md").write_text("no table here\n")
        assert problems(root) == ["ARCHITECTURE.md: the include table was not found"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        self_test()
        return
    found = problems(pathlib.Path(sys.argv[1]))
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
