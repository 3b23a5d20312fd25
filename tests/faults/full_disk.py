#!/usr/bin/env python3
"""A disk that fills up while pictures are taken in.

    full_disk.py --espy PROGRAM --model DIRECTORY

The library lies on a small disk of its own (tmpfs, in a mount namespace, which not every system lets a user make: exit
code 77 then). Ingest must end with an error that names the library and says to free space; what was acknowledged must
be there and sound; and when space has been freed, running it again must end with all pictures.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from library import Failed, Library, run_all

DISK_MB, BALLAST_MB, PICTURES = 64, 36, 12000
SKIPPED = 77


def enter_own_mounts():
    """Runs this program again where it may mount; returns only there."""
    if os.environ.get("ESPY_TEST_MOUNTS"):
        return
    command = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        print("skipped: this user may not make a mount namespace here")
        sys.exit(SKIPPED)
    os.environ["ESPY_TEST_MOUNTS"] = "1"
    os.execvp(command[0], [*command, sys.executable, "-B", *sys.argv])


def check(options, folder):
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        print("skipped: this user may not mount here")
        return SKIPPED
    subprocess.run([options.paint, "--many", str(PICTURES), str(folder / "pictures"), "16"], check=True)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_MB << 20))
    library = Library(options.espy, options.model, folder, disk / "pictures.espy")

    full = library.start()
    out, err = full.communicate(timeout=300)
    if full.returncode != 2 or "free space" not in err.decode() or str(library.path) not in err.decode():
        raise Failed(f"on a full disk: exit code {full.returncode}\n{out.decode()}{err.decode()}")
    held = library.sound_items()
    if not 0 < held < PICTURES:
        raise Failed(f"the disk should have filled half-way, and {held} of {PICTURES} items are held")
    ballast.unlink()
    run_all(library.start())
    now = library.sound_items()
    if now != PICTURES:
        raise Failed(f"with space again, {PICTURES} pictures gave {now} items")
    print(f"{held} items when the disk was full, {now} in the end")
    return 0


def main():
    parser = argparse.ArgumentParser(description="a full disk during ingest")
    parser.add_argument("--espy", required=True)
    parser.add_argument("--model", required=True, help="directory of a small model")
    parser.add_argument("--paint", default=str(Path(__file__).resolve().parents[1] / "journeys/bin/paint"))
    options = parser.parse_args()
    enter_own_mounts()
    folder = Path(tempfile.mkdtemp(prefix="espy-full-"))
    try:
        return check(options, folder)
    except Failed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["umount", "-q", str(folder / "disk")], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
