#!/usr/bin/env python3
"""kill -9 at random moments of a change of models, again and again.

    kill_migrate.py --espy PROGRAM --model DIRECTORY --other DIRECTORY [--kills N] [--pictures N] [--seed N]

A library changes its model while the program is killed. After each kill it must be sound, answer wholly with one model or
wholly with the other, and have lost no vector of the new space; when a change is through, its answers must be those of a
library that was made with that model. Then it changes back, and so on until N kills are done. The old space is dropped
each time, also under kills, so that there is always something to embed.

The moments are drawn from what an undisturbed run of this program takes here. Run again with the printed seed to draw the
same ones.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from library import Failed, Library, drill_arguments, run_all


def answers(library, *more):
    """The ids and scores of a search by a picture, as text."""
    done = subprocess.run([library.espy, "search", str(library.pictures / "00003.png"), "-k", "20", "--json", *more],
                          env=library.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    if done.returncode != 0:
        raise Failed(f"search {more}: exit code {done.returncode}\n{done.stderr.decode()}")
    return [line.split('"query_id"')[0] for line in done.stdout.decode().splitlines()]


def spaces(library):
    return {space["model"]: space for space in library.answer("info")["spaces"]}


def start(library, *arguments):
    return subprocess.Popen([library.espy, "model", *arguments, "-q", "--json"], env=library.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def main():
    parser = drill_arguments("kill -9 during a change of models")
    parser.add_argument("--other", required=True, help="directory of another one")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=300)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    draw = random.Random(options.seed)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="espy-kill-migrate-"))
    models = [options.model, options.other]
    names = [Path(model).name for model in models]
    try:
        subprocess.run([options.paint, "--many", str(options.pictures), str(folder / "pictures"), "16"], check=True)
        pure = []
        for i, model in enumerate(models):
            made = Library(options.espy, model, folder, folder / f"pure{i}.espy")
            run_all(made.start())
            pure.append(answers(made))
        library = Library(options.espy, options.model, folder, folder / "changed.espy")
        run_all(library.start())
        started = time.monotonic()
        run_all(start(library, "use", models[1]))
        whole = time.monotonic() - started
        run_all(start(library, "use", models[0]))
        run_all(start(library, "drop", names[1]))

        kills = during = changes = 0
        now = 0  # which model answers
        while kills < options.kills:
            target, had = 1 - now, 0
            while now != target:
                process = start(library, "use", models[target])
                time.sleep(draw.random() * whole * 1.1)
                during += process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                library.sound_items()
                listed = spaces(library)
                if names[target] in listed:
                    if listed[names[target]]["vectors"] < had:
                        raise Failed(f"after kill {kills}: {had} vectors of the new space, now "
                                     f"{listed[names[target]]['vectors']}")
                    had = listed[names[target]]["vectors"]
                    if listed[names[target]]["state"] == "current":
                        now = target
                if answers(library) != pure[now]:
                    raise Failed(f"after kill {kills}: not the answers of {names[now]}")
            changes += 1
            if answers(library, "--space", names[1 - now]) != pure[1 - now]:
                raise Failed("the old space does not answer as it did")
            process = start(library, "drop", names[1 - now])
            time.sleep(draw.random() * whole)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            library.sound_items()
            if names[1 - now] in spaces(library):
                run_all(start(library, "drop", names[1 - now]))
        print(f"{kills} kills, {during} of them while it ran, {changes} changes of model; {time.monotonic() - began:.0f} s")
        if during < kills // 3:
            raise Failed("too few kills fell into a running change to mean anything")
    except Failed as failure:
        print(f"FAILED (seed {options.seed}): {failure}\nthe library is kept: {folder}/changed.espy", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
