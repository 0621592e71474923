#!/usr/bin/env python3
"""Check docs/spec-map.md: every row has a test that exists or a reason, no row is there twice, and every test that claims
a statement is named in its row. Run from anywhere; exits 1 and says what is wrong, or says how many statements there are."""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (?P<statement>(3\.1\.1:|3\.1:)?[\w.-]+) \| (?P<text>.*?) \| (?P<shown>.*) \|$")
NAMED = re.compile(r"`([^`]+)::([^`]+)`")


def python_tests():
    """(file, test) -> the statements that it claims by @clause."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[str(path.relative_to(ROOT / "tests")), node.name] = clauses(node)
    return found


def clauses(function):
    return [argument.value for decorator in function.decorator_list
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "clause"
            for argument in decorator.args]


def c_tests():
    return {(str(path.relative_to(ROOT)), name) for path in (ROOT / "src").rglob("*_test.c")
            for name in re.findall(r"^static void (\w+)\(void \*\*", path.read_text(encoding="utf-8"), re.MULTILINE)}


def vectors():
    return {(f"vectors/{path.name}", line.split()[0]) for path in (ROOT / "tests/vectors").glob("*.txt")
            for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")}


def rows():
    for number, line in enumerate((ROOT / "docs/spec-map.md").read_text(encoding="utf-8").splitlines(), 1):
        match = ROW.match(line)
        if match and match["statement"] != "statement":
            yield number, match["statement"], match["text"], match["shown"].strip()


def main():
    claims = python_tests()
    known = claims.keys() | c_tests() | vectors()
    problems, shown_by = [], {}
    counts = {"with tests": 0, "clients only": 0, "with another reason": 0}
    for number, statement, text, shown in rows():
        where = f"docs/spec-map.md:{number}: {statement}"
        if statement in shown_by:
            problems.append(f"{where} is there twice")
        tests = shown_by[statement] = NAMED.findall(shown)
        problems += [f"{where}: no such test: {'::'.join(test)}" for test in tests if test not in known]
        if not text or not shown:
            problems.append(f"{where} has neither a test nor a reason")
        kind = "with tests" if tests else "clients only" if shown.startswith("Client:") else "with another reason"
        counts[kind] += 1
    for test, statements in claims.items():
        problems += [f"{'::'.join(test)} claims {statement}, which does not name it"
                     for statement in statements if test not in shown_by.get(statement, [])]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{len(shown_by)} statements: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
