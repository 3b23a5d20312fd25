#!/usr/bin/env python3
"""kill -9 at random moments of ingest, again and again.

    kill_ingest.py --espy PROGRAM --model DIRECTORY [--kills N] [--pictures N] [--seed N] [--seconds N]

A library is fed while its writer is killed N times. After each kill `espy verify` must find it sound, and no
acknowledged item may be gone: the count never falls. At the end one undisturbed ingest must hold exactly the items
that there should be. SIGKILL does not test fsync (the page cache survives it); tests/storage loses unsynced bytes.

The moments are drawn from what an undisturbed run of this program takes here, so that kills fall into opening,
ingest and closing on a slow machine as on a fast one. Run again with the printed seed to draw the same moments.
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


def main():
    parser = drill_arguments("kill -9 during ingest")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=0, help="stop early after so many seconds; 0: never")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    draw = random.Random(options.seed)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="espy-kill-"))
    try:
        subprocess.run([options.paint, "--many", str(options.pictures), str(folder / "pictures"), "16"], check=True)
        library = Library(options.espy, options.model, folder)
        started = time.monotonic()
        run_all(library.start())
        whole = time.monotonic() - started
        shutil.rmtree(library.path)

        kills = during = restarts = 0
        items = 0
        while kills < options.kills and not (options.seconds and time.monotonic() - began > options.seconds):
            process = library.start()
            time.sleep(draw.random() * whole * 1.1)
            finished = process.poll() is not None
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            during += not finished
            now = library.sound_items()
            if now < items:
                raise Failed(f"after kill {kills}: {items} items were held, now {now} are")
            items = now
            if items == options.pictures:  # nothing is left to interrupt: begin again
                shutil.rmtree(library.path)
                items = 0
                restarts += 1
        run_all(library.start())
        held = library.sound_items()
        if held != options.pictures:
            raise Failed(f"{options.pictures} pictures gave {held} items")
        again = run_all(library.start())
        if again["added"] != 0:
            raise Failed(f"a second ingest added {again['added']} items")
        print(f"{kills} kills, {during} of them while it ran, {restarts} libraries begun again; "
              f"{held} items in the end; {time.monotonic() - began:.0f} s")
        if during < kills // 3:
            raise Failed("too few kills fell into a running ingest to mean anything")
    except Failed as failure:
        kept = folder / "pictures.espy"
        print(f"FAILED (seed {options.seed}): {failure}\nthe library is kept: {kept}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
