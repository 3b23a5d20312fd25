#!/usr/bin/env python3
"""A server that speaks the Hugging Face hub's protocol, for tests: and misbehaves as it is told.

    hub_server.py FOLDER [--until-eof]

FOLDER/models/ORG/NAME/ is a repository's branch main, FOLDER/models/ORG/NAME@TAG/ another revision. Two servers listen
on 127.0.0.1: the hub and the storage that it redirects large files to, of another origin. FOLDER/ports.json appears
when both do: {"hub": PORT, "storage": PORT}. Each request adds two lines to FOLDER/log.jsonl: {"begins": true} before the
first byte of its answer, and what it was after the last; so a reader knows whether all have ended. With --until-eof the
server ends when its standard input does.

FOLDER/behavior.json is read before each request; when it changes, its counts begin anew. All keys are optional:

    tokens       access tokens that are known (["good"])
    private      repositories that only a known token sees
    gated        repositories whose files nobody may have
    rules        [{"match": PART OF THE ADDRESS, "times": HOW OFTEN (once), ...}], the first that matches, one of:
                   "status", "headers": answered instead
                   "cut": connection closed after so many bytes of the body, although more were announced
                   "short": the answer ends after so many bytes, announced as if it were whole (chunked)
                   "flip": a bit of the body's last byte is another
                   "more": so many bytes are added to the body
                   "page": the body is this text
                   "delay_ms": waits before each 1,000 bytes
                   "encoding": sends Content-Encoding of this name
    no_ranges    Range is not looked at
    no_blobs     listings name files without sizes and hashes, as some mirrors' do
    no_hashes    ETags are none of the files' hashes
    lie          listings give wrong hashes
    direct       large files are not redirected
    redirect     "relative": small files come by a relative redirect within the hub;
                 any other text: files redirect there
"""

import argparse
import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGE = 10_000  # bytes from which a file is kept in the storage


class State:
    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.text, self.behavior, self.counts = None, {}, {}
        self.ports = {}

    def refresh(self):
        try:
            text = (self.folder / "behavior.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            text = "{}"
        with self.lock:
            if text != self.text:
                self.text, self.behavior, self.counts = text, json.loads(text), {}

    def rule(self, address):
        """The first rule that matches and has not been used up."""
        with self.lock:
            for number, rule in enumerate(self.behavior.get("rules", [])):
                if rule["match"] not in address:
                    continue
                used = self.counts.get(number, 0)
                if used < rule.get("times", 1):
                    self.counts[number] = used + 1
                    return rule
        return {}

    def log(self, **entry):
        with self.lock, open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Revision:
    """The files of one revision, with the names that the hub has for them."""

    def __init__(self, folder):
        self.files = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                name = path.relative_to(folder).as_posix()
                git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                sha256 = hashlib.sha256(data).hexdigest()
                large = len(data) >= LARGE or name.endswith((".safetensors", ".model"))
                self.files[name] = {"path": path, "size": len(data), "git": git, "sha256": sha256, "large": large}
        listing = "".join(f"{name} {file['git']}\n" for name, file in self.files.items())
        self.commit = hashlib.sha1(listing.encode()).hexdigest()


def find_revision(root, repository, revision):
    """None when there is no such revision."""
    base = root / "models" / repository
    folders = [base] + sorted(base.parent.glob(base.name + "@*"))
    for folder in folders:
        tag = folder.name.partition("@")[2] or "main"
        if not folder.is_dir():
            continue
        found = Revision(folder)
        if revision in (tag, found.commit):
            return found
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = ""    # "hub" or "storage"
    state = None

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        self.answer(head=False)

    def answer(self, head):
        self.state.refresh()
        self.head, self.sent, self.status = head, 0, 0
        self.state.log(begins=True)
        address = unquote(self.path)
        try:
            rule = self.state.rule(f"{self.kind} {self.command} {address}")
            if "status" in rule:
                self.reply(rule["status"], b"not now\n", dict(rule.get("headers", {})))
            elif self.kind == "storage":
                self.serve_blob(address, rule)
            else:
                self.serve_hub(address, rule)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.state.log(server=self.kind, method=self.command, path=address, range=self.headers.get("Range", ""),
                           authorization=self.headers.get("Authorization", ""), status=self.status, sent=self.sent)

    def reply(self, status, body=b"", headers=None, rule=None):
        rule = rule or {}
        self.status = status
        if "page" in rule:
            body = rule["page"].encode()
        if "flip" in rule:
            body = body[:-1] + bytes([body[-1] ^ 1])
        body += b"x" * rule.get("more", 0)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "encoding" in rule:
            self.send_header("Content-Encoding", rule["encoding"])
        if "short" in rule:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.head:
            return
        if "short" in rule:
            part = body[:rule["short"]]
            self.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n0\r\n\r\n" if part else b"0\r\n\r\n")
            self.sent = len(part)
            return
        if "cut" in rule:
            self.close_connection = True
            body = body[:rule["cut"]]
        for start in range(0, len(body), 1000):
            time.sleep(rule.get("delay_ms", 0) / 1000)
            self.wfile.write(body[start:start + 1000])
            self.wfile.flush()
            self.sent += len(body[start:start + 1000])

    def error(self, status, code, message):
        self.reply(status, json.dumps({"error": message}).encode(),
                   {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"})

    def send_data(self, data, headers, rule):
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and not self.state.behavior.get("no_ranges"):
            first = int(wanted[6:].split("-")[0])
            if first >= len(data):
                self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            self.reply(206, data[first:], headers, rule)
            return
        self.reply(200, data, headers, rule)

    def serve_blob(self, address, rule):
        sha256 = urlsplit(address).path.rsplit("/", 1)[-1]
        for path in (self.state.folder / "models").rglob("*"):
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                # As storage services number their parts, and no hash of the bytes.
                self.send_data(path.read_bytes(), {"ETag": '"0123456789abcdef0123456789abcdef-2"'}, rule)
                return
        self.reply(404, b"no such object\n")

    def known(self):
        """Whether the token is a known one; None when there is no token."""
        given = self.headers.get("Authorization")
        if given is None:
            return None
        return given.removeprefix("Bearer ") in self.state.behavior.get("tokens", ["good"])

    def serve_hub(self, address, rule):
        path = urlsplit(address).path.strip("/")
        known = self.known()
        if known is False:
            self.error(401, "", "Invalid credentials in Authorization header")
            return
        if path.startswith("api/models/"):
            repository, what, rest = self.split(path.removeprefix("api/models/"), ("revision", "tree"))
        elif path.startswith("cache/"):
            repository, what, rest = self.split(path.removeprefix("cache/"), ("resolve",))
        else:
            repository, what, rest = self.split(path, ("resolve",))
        behavior = self.state.behavior
        here = (self.state.folder / "models" / repository).is_dir()
        if not here or (repository in behavior.get("private", []) and not known):
            if known is None:
                self.error(401, "RepoNotFound", "Repository not found")
            else:
                self.error(404, "RepoNotFound", "Repository not found")
            return
        revision, file = rest, ""
        if what == "resolve":
            revision, _, file = rest.rpartition("/")
        found = find_revision(self.state.folder, repository, revision or "main")
        if found is None:
            self.error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what == "tree":
            self.reply(200, json.dumps(self.tree(found)).encode(), {"Content-Type": "application/json"}, rule)
        elif what != "resolve":
            self.reply(200, json.dumps(self.listing(repository, found)).encode(),
                       {"Content-Type": "application/json", "X-Repo-Commit": found.commit}, rule)
        elif repository in behavior.get("gated", []):
            self.error(401 if known is None else 403, "GatedRepo", f"Access to model {repository} is restricted.")
        elif file not in found.files:
            self.error(404, "EntryNotFound", "Entry not found")
        else:
            self.serve_file(repository, found, file, path.startswith("cache/"), rule)

    @staticmethod
    def split(path, words):
        """("ORG/NAME", word or "", what follows it)."""
        parts = path.split("/")
        for number, part in enumerate(parts):
            if part in words and number > 0:
                return "/".join(parts[:number]), part, "/".join(parts[number + 1:])
        return path, "", ""

    def listing(self, repository, found):
        siblings = []
        for name, file in found.files.items():
            entry = {"rfilename": name}
            if not self.state.behavior.get("no_blobs"):
                entry.update(blobId=file["git"], size=file["size"])
                if file["large"]:
                    entry["lfs"] = {"sha256": file["sha256"], "size": file["size"], "pointerSize": 134}
                if self.state.behavior.get("lie"):
                    entry["blobId"] = "0" * 40
                    if "lfs" in entry:
                        entry["lfs"]["sha256"] = "0" * 64
            siblings.append(entry)
        return {"id": repository, "modelId": repository, "sha": found.commit, "private": False, "gated": False,
                "tags": ["license:mit"], "cardData": {"license": "mit", "tags": ["vision"]}, "siblings": siblings}

    def tree(self, found):
        entries = []
        for name, file in found.files.items():
            entry = {"type": "file", "oid": file["git"], "size": file["size"], "path": name}
            if file["large"]:
                entry["lfs"] = {"oid": file["sha256"], "size": file["size"], "pointerSize": 134}
            entries.append(entry)
        return entries

    def serve_file(self, repository, found, name, in_cache, rule):
        file, behavior = found.files[name], self.state.behavior
        headers = {"X-Repo-Commit": found.commit, "ETag": f'"{file["git"]}"'}
        redirect = behavior.get("redirect", "")
        if file["large"]:
            headers.update({"X-Linked-Etag": f'"{file["sha256"]}"', "X-Linked-Size": str(file["size"])})
        if behavior.get("no_hashes"):
            headers.update({"ETag": '"some-tag"', "X-Linked-Etag": '"some-tag"'})
        if redirect not in ("", "relative"):
            self.reply(302, b"", {**headers, "Location": redirect})
        elif file["large"] and not behavior.get("direct"):
            signed = f"http://127.0.0.1:{self.state.ports['storage']}/blobs/{file['sha256']}?signature=1"
            self.reply(302, b"Found\n", {**headers, "Location": signed})
        elif redirect == "relative" and not in_cache:
            self.reply(307, b"", {**headers, "Location": f"/cache/{repository}/resolve/{found.commit}/{name}"})
        else:
            self.send_data(file["path"].read_bytes(), headers, rule)


def main():
    parser = argparse.ArgumentParser(description="a hub for tests")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until-eof", action="store_true")
    options = parser.parse_args()
    state = State(options.folder.resolve())
    for kind in ("hub", "storage"):
        handler = type(kind, (Handler,), {"kind": kind, "state": state})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        state.ports[kind] = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = state.folder / "ports.json"
    ports.with_suffix(".new").write_text(json.dumps(state.ports))
    os.replace(ports.with_suffix(".new"), ports)
    if options.until_eof:
        sys.stdin.buffer.read()
    else:
        threading.Event().wait()


if __name__ == "__main__":
    main()
