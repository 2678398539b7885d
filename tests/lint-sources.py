# SPDX-License-Identifier: BSD-2-Clause
"""Rules about the C sources that no other tool knows: what a file opens with, which room may
include which, how long files and functions may be, and that what is cleaned up has a value.

lint-sources.py headers|includes|sizes|cleanups FILE…: prints what breaks the rule; exits with 1 if
any does.
"""

import pathlib
import re
import sys

# A room may include itself and the rooms named here.
ROOMS = {
    "common": (),
    "protocol": ("common",),
    "config": ("common",),
    "loop": ("common",),
    "journal": ("loop", "config", "common"),
    "kafka": ("journal", "loop", "config", "common"),
    "verify": ("kafka", "loop", "config", "common"),
    "control": ("kafka", "journal", "loop", "config", "protocol", "common"),
    "crierd": ("control", "verify", "kafka", "journal", "loop", "config", "protocol", "common"),
    "crierctl": ("protocol", "common"),
}
FILE_LINES = 600
FUNCTION_LINES = 100


def room(path):
    """The room of a file below src/; None for other files."""
    parts = pathlib.PurePath(path).parts
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def headers(path, text):
    """SPDX first, then one comment of some words that says what the file is for."""
    if not text.startswith("/* SPDX-License-Identifier: BSD-2-Clause */\n"):
        yield 1, "does not open with the SPDX line"
    before_code = re.split(r"^#include|^#define|^static|^typedef", text, 1, re.M)[0]
    comments = re.findall(r"/\*(.*?)\*/", before_code, re.S)
    if not any(len(comment.split()) >= 5 for comment in comments[1:]):
        yield 1, "does not say, in a comment at its beginning, what it is for"


def includes(path, text):
    """Includes are written from src/ and point from a room only to the rooms below it."""
    own = room(path)
    if own is None:
        return
    if own not in ROOMS:
        yield 1, f"'{own}' is not a room"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'#\s*include\s+"([^"]+)"', line)
        if not found or found.group(1) == "config.h":
            continue
        target = found.group(1).split("/")[0] if "/" in found.group(1) else None
        if target not in ROOMS:
            yield number, f'"{found.group(1)}" is not written from src/'
        elif target != own and target not in ROOMS[own]:
            yield number, f"{own} may not include {target}"


def functions(lines):
    """(first line, name, length) of each function definition: it begins at the left margin and
    ends with a brace at the left margin."""
    begin, name = None, None
    for number, line in enumerate(lines, 1):
        if begin is None:
            found = re.match(r"[A-Za-z_][^;={]*?\b(\w+)\(", line)
            if found:
                begin, name = number, found.group(1)
        elif line.startswith("}"):
            yield begin, name, number - begin + 1
            begin = None
        if begin is not None and line.rstrip().endswith(";") and not line.startswith(" "):
            begin = None


def sizes(path, text):
    """Short files and functions. A comment right above a function may give the reason why it is
    longer, with the words "long because"."""
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield len(lines), f"has {len(lines)} lines; {FILE_LINES} are allowed"
    for begin, name, length in functions(lines):
        if length <= FUNCTION_LINES:
            continue
        above = "\n".join(lines[max(0, begin - 12):begin - 1]).rpartition("\n}")[2]
        if "long because" not in above.lower():
            yield begin, f"{name}() has {length} lines; {FUNCTION_LINES} are allowed"


def cleanups(path, text):
    """What is cleaned up when it goes out of scope has a value from the beginning: a return may
    come before the first assignment."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    for found in re.finditer(r"^\s+_cleanup_\w*(?:\(\w+\))? ([^;]*);", text, re.M):
        declared, inner = found.group(1), 1
        while inner:
            declared, inner = re.subn(r"\([^()]*\)|\{[^{}]*\}", "", declared)
        if any("=" not in one for one in declared.split(",")):
            yield text.count("\n", 0, found.start(1)) + 1, "is cleaned up, but has no value yet"


RULES = {"headers": headers, "includes": includes, "sizes": sizes, "cleanups": cleanups}


def main():
    rule = RULES[sys.argv[1]]
    found = 0
    for path in sys.argv[2:]:
        text = pathlib.Path(path).read_text()
        for line, problem in rule(path, text):
            print(f"{path}:{line}: {problem}")
            found += 1
    if len(sys.argv) == 2:
        print("no files given")
        found = 1
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
