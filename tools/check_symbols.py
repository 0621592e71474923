#!/usr/bin/python3
"""The core makes no system call: what its object files leave undefined must be exactly tools/core-symbols.txt.

usage: check_symbols.py BUILD-FOLDER | --self-test

All of the core's static libraries are taken together, so what one defines for another does not count. The build must be
one without sanitizers. A symbol that is not in the list fails, and so does a listed one that nothing uses any more.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

CORE = "base wire topic message journal auth session retain broker client".split()
SYMBOL = re.compile(r"\s*\d+: [0-9a-f]+\s+\S+ \S+\s+(?:GLOBAL|WEAK)\s+\S+\s+(\S+) (\S+)\s*")
LIST = pathlib.Path(__file__).with_name("core-symbols.txt")


def allowed_symbols(text):
    return {line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")}


def symbols(library):
    """The names that a static library defines, and for each undefined name the object files that ask for it."""
    defined, undefined, member = set(), {}, library.name
    # Not nm: of objects that can be optimised at link time it shows the symbols before that, without memcpy and its like.
    listing = subprocess.run(["readelf", "--syms", "--wide", str(library)], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        if match := re.match(r"File: .*\((.+)\)$", line):
            member = f"{library.name}({match[1]})"
        elif match := SYMBOL.fullmatch(line):
            section, name = match.groups()
            if section == "UND":
                undefined.setdefault(name, []).append(member)
            else:
                defined.add(name)
    return defined, undefined


def problems(libraries, allowed):
    missing = [library for library in libraries if not library.exists()]
    if missing:
        return [f"{library}: there is no such library; build first" for library in missing]
    defined, wanted = set(), {}
    for library in libraries:
        here, undefined = symbols(library)
        defined |= here
        for name, members in undefined.items():
            wanted.setdefault(name, []).extend(members)
    found = [f"{member}: asks for {name}, which is not in {LIST.name}"
             for name in sorted(wanted.keys() - defined - allowed) for member in wanted[name]]
    found += [f"{LIST.name}: {name} is listed, but nothing in the core uses it" for name in sorted(allowed - wanted.keys())]
    return found if defined else found + ["the core's libraries define nothing at all"]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def library(name, code):
            (root / "x.c").write_text(code)
            subprocess.run(["gcc", "-fno-builtin", "-c", "x.c", "-o", f"{name}.o"], cwd=root, check=True)
            subprocess.run(["ar", "rc", f"lib{name}.a", f"{name}.o"], cwd=root, check=True)
            return root / f"lib{name}.a"

        one = library("one", "int two(void); int one(void) { return two(); }")
        two = library("two", "void *memchr(const void *, int, unsigned long); "
                             "int two(void) { return memchr(\"\", 0, 1) != 0; }\n")
        bad = library("bad", "int printf(const char *, ...); int bad(int x) { return printf(\"%d\", x); }")
        assert problems([one, two], {"memchr"}) == []
        assert "bad.o" in problems([one, two, bad], {"memchr"})[0]
        assert "asks for two" in problems([one], set())[0]
        assert "strlen is listed" in problems([one, two], {"memchr", "strlen"})[0]
        assert "no such library" in problems([root / "libnone.a"], set())[0]
    assert allowed_symbols("# why\nmemcpy\n\n strlen \n") == {"memcpy", "strlen"}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        self_test()
        return
    libraries = [pathlib.Path(sys.argv[1]) / f"libbb_{folder}.a" for folder in CORE]
    found = problems(libraries, allowed_symbols(LIST.read_text()))
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
