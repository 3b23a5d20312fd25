#!/usr/bin/env python3
"""Checks that clang-format would leave every C++ file as it is.

Only with clang-format 14, with which the tree is written: other versions break some lines elsewhere. Exit code 77 (a
skipped test) when that version is not installed.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tidy import Tree

VERSION = "14"
SKIPPED = 77


def find_program():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program is None:
            continue
        out = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        if re.search(rf"version {VERSION}\.", out):
            return program
    return None


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    program = find_program()
    if program is None:
        print(f"skipped: clang-format {VERSION} is not installed")
        return SKIPPED
    files = [str(root / path) for path in Tree(root).code()]
    result = subprocess.run([program, "--dry-run", *files], stderr=subprocess.PIPE, text=True, check=False)
    wrong = sorted({line.split(":", 1)[0] for line in result.stderr.split("\n") if "warning" in line})
    for path in wrong:
        print(f"{path}: clang-format {VERSION} would change it; run clang-format -i")
    return 1 if wrong or result.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
