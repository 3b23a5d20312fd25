#!/usr/bin/env python3
"""A test of the tree itself: who includes whom, what is left over, what grew too large.

    tidy.py [ROOT]      prints one line for each violation, and exits with 1 when there is any
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
IMPLEMENTATION_FOLDERS = {"build", "out", "dist", ".git", ".cache", "__pycache__"}


class Tree:
    """The files of the project: those git knows, and new ones that it does not ignore."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        self.paths = sorted(self._list())

    def _list(self):
        if (self.root / ".git").exists() and shutil.which("git"):
            out = subprocess.run(["git", "-C", str(self.root), "ls-files", "-co", "--exclude-standard", "-z"],
                                 stdout=subprocess.PIPE, check=True).stdout
            names = [os.fsdecode(name) for name in out.split(b"\0") if name]
            return {name for name in names if (self.root / name).is_file()}
        found = set()
        for folder, below, names in os.walk(self.root):
            below[:] = [name for name in below if name not in IMPLEMENTATION_FOLDERS]
            found |= {str((Path(folder) / name).relative_to(self.root)) for name in names}
        return found

    def size(self, path):
        return (self.root / path).stat().st_size

    def text(self, path):
        return (self.root / path).read_bytes().decode("utf-8", "replace")

    def is_text(self, path):
        if path.startswith(rules.GENERATED) or Path(path).suffix not in rules.TEXT_SUFFIXES:
            return False
        return b"\0" not in (self.root / path).read_bytes()[:4096]

    def texts(self):
        return [path for path in self.paths if self.is_text(path)]

    def code(self):
        return [path for path in self.paths if Path(path).suffix in rules.CODE_SUFFIXES]


def room_of(path):
    return path.split("/", 1)[0]


def check_includes(tree):
    """Every #include, against the table of rooms and the table of wrapped libraries."""
    for path in tree.code():
        room = room_of(path)
        if room in rules.FREE:
            continue
        if room not in rules.ROOMS:
            yield f"{path}: C++ outside the rooms; give its room a line in tests/tidy/rules.py"
            continue
        for match in INCLUDE.finditer(tree.text(path)):
            problem = include_problem(room, match[1] == '"', match[2])
            if problem:
                yield f"{path}: includes {match[1]}{match[2]}{'>' if match[1] == '<' else match[1]}: {problem}"


def include_problem(room, quoted, name):
    if quoted:
        first = name.split("/", 1)[0]
        if first == "espy" or first == room and room != "include":
            return None
        if first not in rules.ROOMS or "/" not in name:
            return "own headers are named from the root of the tree"
        if first not in rules.ROOMS[room]:
            return f"{room}/ may not know {first}/"
        return None
    if re.fullmatch(r"[a-z0-9_]+", name):  # the C++ standard library
        return None
    if room == "include":
        return "the public headers use the standard library alone"
    if name.startswith(rules.SYSTEM):
        return None
    for start, wrappers in rules.EXTERNAL.items():
        if name.startswith(start):
            return None if room in wrappers else f"only {', '.join(sorted(wrappers))} wraps that library"
    return "not in the table of libraries"


def check_links(tree):
    """The rooms that each room's CMakeLists.txt names are among those that it may include."""
    for room, allowed in rules.ROOMS.items():
        for path in tree.paths:
            if room_of(path) != room or Path(path).name != "CMakeLists.txt":
                continue
            text = re.sub(r"#.*", "", tree.text(path))
            named = {word for word in re.findall(r"\bespy_(?:[a-z]+)\b", text) if word[5:] in rules.ROOMS}
            named |= {word for word in re.findall(r"\bespy_(?:library|cli_parts)\b", text)}
            rooms = re.search(r"\bROOMS\b([^)]*?)(?:\bPUBLIC\b|\bPRIVATE\b|\bSOURCES\b|\))", text, re.S)
            if rooms:
                named |= {"espy_" + word for word in rooms[1].split()}
            may = {"espy_" + name for name in allowed | {room}} | rules.CMAKE_EXTRA.get(room, set())
            for target in sorted(named - may):
                yield f"{path}: links {target}: {room}/ may not know it"


def check_readmes(tree):
    known = set(tree.paths)
    for room in sorted(rules.NEED_README):
        if any(path.startswith(room + "/") for path in known) and f"{room}/README.md" not in known:
            yield f"{room}/: has no README.md; say what enters, what leaves and what never happens there"


def check_words(tree):
    unfinished = re.compile(r"\b(" + "|".join(rules.UNFINISHED) + r")\b")
    forbidden = [re.compile(pattern) for pattern in rules.FORBIDDEN]
    for path in tree.texts():
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            for pattern in [unfinished, *forbidden]:
                if match := pattern.search(line):
                    yield f"{path}:{number}: holds '{match[0]}'"


def check_whitespace(tree):
    for path in tree.texts():
        text = tree.text(path)
        if "\r" in text:
            yield f"{path}: has carriage returns"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip(" \t\r"):
                yield f"{path}:{number}: ends in white space"
            if "\t" in line and Path(path).suffix in rules.CODE_SUFFIXES | {".py", ".md", ".cmake"}:
                yield f"{path}:{number}: holds a tab"
        if text and not text.endswith("\n"):
            yield f"{path}: does not end with a line end"


def check_lengths(tree):
    for path in tree.texts():
        lines = tree.text(path).count("\n")
        if lines > rules.MAX_LINES and Path(path).name != "LICENSE":
            yield f"{path}: has {lines} lines, more than {rules.MAX_LINES}; a file has one job"


def check_sizes(tree):
    total = 0
    for path in tree.paths:
        size = tree.size(path)
        total += size
        if size > rules.MAX_FILE_BYTES and not path.startswith(rules.LARGE_FILES_BELOW):
            yield f"{path}: has {size} bytes, more than {rules.MAX_FILE_BYTES}"
        if size == 0 and room_of(path) not in rules.FREE:
            yield f"{path}: is empty"
    if total > rules.MAX_TREE_BYTES:
        yield f"the tree: has {total} bytes, more than {rules.MAX_TREE_BYTES}"


def check_guards(tree):
    """A header's guard is its path, so that no two are alike."""
    for path in tree.code():
        if Path(path).suffix not in (".h", ".cuh"):
            continue
        below = path.removeprefix("include/")
        name = re.sub(r"[^A-Z0-9]", "_", below.upper()) + "_"
        if not name.startswith("ESPY_"):
            name = "ESPY_" + name
        if f"#ifndef {name}\n#define {name}\n" not in tree.text(path):
            yield f"{path}: has no guard {name}"


def check_document_links(tree):
    """A relative link of a page leads to a file or a folder that is there."""
    for path in tree.paths:
        if not path.endswith(".md"):
            continue
        without_code = re.sub(r"```.*?```|`[^`\n]*`", "", tree.text(path), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (tree.root / path).parent.joinpath(target.split("#")[0]).exists():
                yield f"{path}: links to {target}, which is not there"


CHECKS = [check_includes, check_links, check_readmes, check_words, check_whitespace, check_lengths, check_sizes,
          check_guards, check_document_links]


def violations(root):
    tree = Tree(root)
    return [line for check in CHECKS for line in check(tree)]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = violations(root)
    for line in found:
        print(line)
    print(f"tidy: {len(found)} violations in {len(Tree(root).paths)} files", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
