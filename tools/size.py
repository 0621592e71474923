#!/usr/bin/python3
"""How much flash and memory libbusbar takes on a microcontroller: size.py ROOT BUILD-FOLDER

Builds examples/bare_metal for the smallest Cortex-M and for a larger one, as firmware is built (-Os, link-time
optimisation, unused sections dropped), links it with newlib-nano, and subtracts an empty main. So each figure is what a
whole program takes that publishes, subscribes and reconnects: the client, the example's own code and tables, and the
functions of the C library that they ask for. State is the struct bb_client; buffers are the caller's to choose.

Prints a table; fails when a figure is above its limit.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

CPUS = ["cortex-m0plus", "cortex-m4"]
STATE_LIMIT = 512
PROFILES = [  # options file, what it is, limit of its flash in bytes (None: for comparison only)
    ("qos0", "MQTT 3.1.1, QoS 0", None),
    ("qos1", "MQTT 3.1.1, QoS 0 and 1", 6144),
    ("full", "MQTT 5.0, QoS 0, 1 and 2", 10240),
]
COMPILER = "arm-none-eabi-gcc"
FLAGS = "-mthumb -std=c17 -Os -ffunction-sections -fdata-sections -DBB_TERSE -Wall -Wextra -Wno-unused-parameter".split()
LIBRARY = "-fno-builtin -fno-tree-loop-distribute-patterns".split()  # for the file that defines memcpy itself
LINK = "--specs=nano.specs --specs=nosys.specs -Wl,--gc-sections".split()


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"size.py: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def sources(root):
    """The files of a small build: the codec and the client whole, of base and topic what they ask for."""
    found = [file for folder in ("client", "wire") for file in sorted((root / "src" / folder).glob("*.c"))]
    found = [file for file in found if not re.search(r"_(test|fuzz|bench)\.c$", file.name)]
    found += [root / "src/base" / name for name in ("utf8_small.c", "reason_code.c")]
    return found + [root / "src/topic" / name for name in ("filter.c", "name.c")]


def compile_all(root, folder, cpu, files, flags):
    includes = [f"-I{root / 'include'}", f"-I{root / 'src'}", f"-I{root / 'examples/bare_metal'}"]
    objects = []
    for file in files:
        objects.append(folder / (str(file.relative_to(root)).replace("/", "_") + ".o"))
        run(COMPILER, f"-mcpu={cpu}", *FLAGS, *flags, *includes, "-c", file, "-o", objects[-1])
    return objects


def flash(program):
    """text and data of a linked program, in bytes."""
    text, data = run("arm-none-eabi-size", program).splitlines()[1].split()[:2]
    return int(text) + int(data)


def link(folder, cpu, name, objects):
    program = folder / name
    run(COMPILER, f"-mcpu={cpu}", "-mthumb", "-Os", "-flto", *LINK, *objects, "-o", program)
    return program


def measure(root, build, cpu, profile):
    """Flash of one profile without that of an empty main, and the bytes of the struct bb_client."""
    example = root / "examples/bare_metal"
    folder = build / f"{profile}-{cpu}"
    folder.mkdir(parents=True, exist_ok=True)
    empty = folder / "empty.c"
    empty.write_text("int main(void)\n{\n    return 0;\n}\n")
    run(COMPILER, f"-mcpu={cpu}", *FLAGS, "-flto", "-c", empty, "-o", folder / "empty.o")

    files = sources(root) + [example / "main.c", example / f"options_{profile}.c", example / "board_none.c"]
    objects = compile_all(root, folder, cpu, files, ["-flto", f"-DEXAMPLE_QOS={int(profile != 'qos0')}"])
    objects += compile_all(root, folder, cpu, [example / "memory.c"], LIBRARY)
    whole = flash(link(folder, cpu, "example.elf", objects))
    symbols = run("arm-none-eabi-nm", "-S", folder / "example.elf")
    state = int(re.search(r"^\w+ (\w+) b client$", symbols, re.MULTILINE)[1], 16)
    return whole - flash(link(folder, cpu, "empty.elf", [folder / "empty.o"])), state


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    print(f"{'bytes of flash':28}{''.join(f'{cpu:>16}' for cpu in CPUS)}{'limit':>8}{'state':>8}{'limit':>8}")
    failed = False
    for profile, what, limit in PROFILES:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            figures = list(pool.map(lambda cpu: measure(root, build, cpu, profile), CPUS))
        state = max(state for _, state in figures)
        print(f"{what:28}{''.join(f'{size:16}' for size, _ in figures)}{limit or '-':>8}{state:8}{STATE_LIMIT:8}")
        failed |= state > STATE_LIMIT or any(limit and size > limit for size, _ in figures)
    if failed:
        sys.exit("size.py: a limit is passed")


if __name__ == "__main__":
    main()
