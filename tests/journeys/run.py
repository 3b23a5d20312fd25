#!/usr/bin/env python3
"""Runs a journey: a readable script of commands with the answers that they must give.

    run.py --espy PROGRAM [--path FOLDER] [--show] SCRIPT.journey...

A journey is lines of these kinds:

    # a remark
    % needs COMMAND        the journey is skipped (exit code 77) when COMMAND fails
    $ COMMAND              run by bash in the journey's own empty folder
    > MORE                 a further line of the command
    ANSWER                 what it prints on stdout, line by line
    ! MESSAGE              what it prints on stderr
    ? CODE                 its exit code, when that is not 0

In an answer, `...` stands for any text within a line, and a line of `...` alone for any number of lines. HOME and the
folder are fresh, no ESPY_ or HF_ variable is set, and bin/ beside this file is on the PATH.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
TIMEOUT_S = 300
NOT_PASSED_ON = ("NO_COLOR", "CDPATH", "BASH_ENV", "TRANSFORMERS_OFFLINE", "http_proxy", "all_proxy", "ALL_PROXY")


class Step:
    def __init__(self, number, command):
        self.number, self.command = number, command
        self.out, self.err, self.code = [], [], 0


def parse(text):
    """([commands that the journey needs], [Step])."""
    needs, steps = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("% needs "):
            needs.append(line.removeprefix("% needs "))
        elif line.startswith("$ "):
            steps.append(Step(number, line[2:]))
        elif line.startswith("#") or not line.strip():
            continue
        elif not steps:
            raise SystemExit(f"line {number}: an answer before any command")
        elif line.startswith("> "):
            steps[-1].command += "\n" + line[2:]
        elif line.startswith("! "):
            steps[-1].err.append(line[2:])
        elif line.startswith("? "):
            steps[-1].code = int(line[2:])
        else:
            steps[-1].out.append(line)
    return needs, steps


def matches(expected, text):
    """Whether the whole text answers the expected lines."""
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split("...")) + "\n"
    if text and not text.endswith("\n"):
        text += "\n"
    return re.fullmatch(pattern, text) is not None


def environment(espy, more_path, home):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("ESPY_", "XDG_", "HF_", "HUGGING")) and name not in NOT_PASSED_ON}
    bin_folder = Path(__file__).resolve().parent / "bin"
    kept.update(HOME=str(home), LC_ALL="C.UTF-8", TERM="dumb",
                PATH=":".join([str(espy.parent), str(bin_folder), *more_path, kept.get("PATH", "/usr/bin:/bin")]),
                ESPY_SOURCE=str(Path(__file__).resolve().parents[2]))
    return kept


def shell(command, folder, env, groups=None):
    """(exit code, stdout, stderr). Into files: what the command left running holds no pipe of ours open."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=err, start_new_session=True)
        if groups is not None:
            groups.append(process.pid)
        code = process.wait(TIMEOUT_S)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "backslashreplace"))
    return code, texts[0], texts[1]


def end_group(group):
    """Ends what the step of this process group left running."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def indented(text):
    return "".join(f"      {line}\n" for line in text.rstrip("\n").split("\n")) if text else "      (nothing)\n"


def run(path, espy, show=False, more_path=()):
    """None when the journey went as written, else what did not; SKIPPED when it cannot run here."""
    needs, steps = parse(Path(path).read_text(encoding="utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="espy-journey-"))
    folder.chmod(0o755)
    groups = []
    try:
        home, here = folder / "home", folder / "here"
        home.mkdir()
        here.mkdir()
        env = environment(espy, more_path, home)
        for command in needs:
            if shell(command, here, env)[0] != 0:
                print(f"{path}: skipped: '{command}' fails here")
                return SKIPPED
        for step in steps:
            code, out, err = shell(step.command, here, env, groups)
            if show:
                print(f"$ {step.command}\n{out}" + "".join(f"! {line}\n" for line in err.splitlines()) +
                      (f"? {code}\n" if code else ""), end="")
                continue
            if code != step.code or not matches(step.out, out) or not matches(step.err, err):
                return (f"{path}:{step.number}: $ {step.command}\n"
                        f"    expected exit code {step.code}, got {code}\n"
                        f"    expected on stdout:\n{indented(chr(10).join(step.out))}    got:\n{indented(out)}"
                        f"    expected on stderr:\n{indented(chr(10).join(step.err))}    got:\n{indented(err)}")
        return None
    finally:
        for group in groups:
            end_group(group)
        subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="run journeys")
    parser.add_argument("--espy", type=Path, required=True, help="the program")
    parser.add_argument("--path", action="append", default=[], help="another folder of programs")
    parser.add_argument("--show", action="store_true", help="print what the commands answer, and compare nothing")
    parser.add_argument("scripts", nargs="+")
    options = parser.parse_args()
    code = 0
    for script in options.scripts:
        outcome = run(script, options.espy.absolute(), options.show, options.path)
        if outcome == SKIPPED:
            code = code or SKIPPED
        elif outcome is not None:
            print(outcome)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
