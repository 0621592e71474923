"""What is installed can be used: by pkg-config and by find_package, static and shared, from C99 and from C++.

LIBRARY_BUILD names the build that is installed (default: build/release).
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness.broker import ROOT

SOURCES = pathlib.Path(__file__).parent / "installed"
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
SAYS = "127.0.0.1:1: connection refused (nothing listens there)\n"


def run(*command, **fields):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **fields)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """The library, installed for this test, and then moved as a whole: nothing may remember where it was."""
    build = ROOT / os.environ.get("LIBRARY_BUILD", "build/release")
    first, moved = tmp_path_factory.mktemp("first") / "prefix", tmp_path_factory.mktemp("moved") / "prefix"
    run("cmake", "--install", build, "--prefix", first)
    shutil.move(first, moved)
    return moved


def only(prefix, pattern):
    found = list(prefix.rglob(pattern))
    assert len(found) == 1, found
    return found[0]


def pkg_config(prefix, *arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(only(prefix, "busbar.pc").parent))
    return run("pkg-config", *arguments, "busbar", env=environment).split()


def check_program(program, prefix, shared):
    libraries = only(prefix, "libbusbar.a").parent
    environment = dict(os.environ, LD_LIBRARY_PATH=str(libraries))
    assert ("libbusbar.so.0" in run("ldd", program, env=environment)) == shared
    assert run(program, env=environment) == SAYS


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11", "-x", "c++"]], ids=["c", "c++"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "static"])
def test_pkg_config(prefix, tmp_path, compiler, shared):
    libraries = pkg_config(prefix, "--libs", *([] if shared else ["--static"]))
    if not shared:  # both are there, and the linker takes the shared one unless told otherwise
        libraries = ["-l:libbusbar.a" if library == "-lbusbar" else library for library in libraries]
    run(*compiler, *STRICT, *pkg_config(prefix, "--cflags"), SOURCES / "main.c", "-o", tmp_path / "main", "-x", "none",
        *libraries)
    check_program(tmp_path / "main", prefix, shared)


def test_find_package(prefix, tmp_path):
    flags = " ".join(STRICT)
    run("cmake", "-S", SOURCES, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_FLAGS={flags}",
        f"-DCMAKE_CXX_FLAGS={flags}")
    run("cmake", "--build", tmp_path)
    for language in "c", "cpp":
        check_program(tmp_path / f"{language}_busbar", prefix, True)
        check_program(tmp_path / f"{language}_busbar_static", prefix, False)


def test_the_core_links_alone(prefix, tmp_path):
    run("gcc", "-std=c99", *STRICT, *pkg_config(prefix, "--cflags"), SOURCES / "core.c", "-o", tmp_path / "core",
        only(prefix, "libbusbar.a"))
    run(tmp_path / "core")
    assert not re.search("ssl|wslay", run("ldd", tmp_path / "core"))
    assert not re.search(r" U (malloc|socket)@", run("nm", tmp_path / "core"))


def test_exactly_what_the_headers_promise_is_exported(prefix):
    promised = set()
    for header in (prefix / "include/busbar").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for declaration in re.findall(r"^(?:extern )?BB_API\b([^;]*);", text, flags=re.M):
            function = re.search(r"(\w+)\s*\(", declaration)
            promised.add(function[1] if function else declaration.split()[-1])
    library = only(prefix, "libbusbar.so.0.*.*")
    exported = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    assert exported == promised


def test_headers_stand_alone(prefix):
    """They need nothing but each other and the headers of C99."""
    c99 = {"stdbool.h", "stddef.h", "stdint.h"}
    for header in (prefix / "include/busbar").glob("*.h"):
        for name in re.findall(r"^#include <(.*)>", header.read_text(), flags=re.M):
            assert name in c99 or (prefix / "include" / name).exists(), (header, name)
    assert {path.name for path in (prefix / "include/busbar").iterdir()} >= {"client.h", "net.h", "types.h", "url.h"}


def test_the_library_has_a_version(prefix):
    version = pkg_config(prefix, "--modversion")[0]
    library = only(prefix, f"libbusbar.so.{version}")
    assert (library.parent / "libbusbar.so").resolve() == (library.parent / "libbusbar.so.0").resolve() == library
    assert "libbusbar.so.0]" in run("readelf", "-d", library)
