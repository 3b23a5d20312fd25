"""Training batches from the painted shards: nothing is drawn or tokenised here, only picked.

A batch (torch; B pictures):

    pixels            uint8 [B, 96, 96, 3]
    caption, c_length int64 [B, T], [B]   a caption of each picture, for writing
    text, t_length    int64 [B, T], [B]   something true of each, for matching and the contrastive loss
    false, f_length   int64 [B, T], [B]   something false of each by one change, where has_false
    has_false         bool [B]
    mate              int64 [B]           the row of the picture's mate of which `text` is false, or -1
    true              bool [B, B]         may text j be said of picture i
"""

import json
from pathlib import Path

import numpy as np
import torch

import words as lexicon
from captioner import tokens
from captioner.grammar import CHANGES, FORM_WORDS

SIDE = 96
CAPTION_ASKED = 0.8  # share of the matched texts that are the caption itself
TWIN_ASKED = 0.7     # share of those whose false sentence is the same one with a single change, where there is a false one
# How often a false sentence is changed in which way, relative to each other: counts and colours are learned first.
FALSE_SHARES = np.array([{"order": 3.0, "count": 0.5, "colour": 0.5, "place": 1.0, "object": 1.5}[c] for c in CHANGES])


def ready(folder, wordnet, side="train"):
    """The shards of a side, with the tokenizer, the tags and the token caches made where they are missing.

    The tokenizer stays beside the shards that it coded: learning it again gives some words other ids, and caches and
    vocabulary would no longer be of one model."""
    stems = sorted({Path(str(f)[:-3]) for f in folder.glob(f"{side}-*.u8")})
    if not stems:
        raise SystemExit(f"{folder} holds no {side} shard: run python -m captioner.data first")
    if not (folder / "tokenizer.json").exists():
        texts, tags = [], {}
        for stem in stems[:8]:
            for r in tokens.records(stem):
                texts += [t for t, _ in r["true"]]
                for tag in r["tags"]:
                    tags[tag] = tags.get(tag, 0) + 1
        tokens.write(folder, tokens.learn(texts))
        kept = sorted({t for t, n in tags.items() if n > 1 and t not in FORM_WORDS} | set(lexicon.COLOURS))
        (folder / "tags.json").write_text(json.dumps(kept))
    tokenizer = tokens.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tags = {t: n for n, t in enumerate(json.loads((folder / "tags.json").read_text()))}
    for stem in stems:
        if not Path(f"{stem}.npz").exists():
            tokens.coded(stem, tokenizer, wordnet, tags, CHANGES)
    return [Shard(stem) for stem in stems], len(tags)


class Shard:
    def __init__(self, stem):
        held = np.load(f"{stem}.npz")
        self.__dict__.update({n: held[n] for n in held.files})
        count = len(self.captions)
        self.pixels = np.memmap(f"{stem}.u8", np.uint8, "r").reshape(count, SIDE, SIDE, 3)
        self.units = np.flatnonzero(self.mate >= 0)  # the first of a pair stands for both

    def said_of(self, n):
        return self.said[self.said_ends[n - 1] if n else 0:self.said_ends[n]]

    def shown_in(self, n):
        return self.shown[self.shown_ends[n - 1] if n else 0:self.shown_ends[n]]


class Stream:
    """An endless stream of batches over all shards, each picture once an epoch."""

    def __init__(self, shards, tags, batch, seed):
        self.shards, self.tags, self.batch = shards, tags, batch
        self._rng = np.random.default_rng(seed)
        self._units = np.concatenate([np.stack([np.full(len(s.units), n), s.units], 1) for n, s in enumerate(shards)])
        self._order, self._at = self._rng.permutation(len(self._units)), 0

    def __iter__(self):
        while True:
            rows = []
            while len(rows) < self.batch:
                if self._at == len(self._order):
                    self._order, self._at = self._rng.permutation(len(self._units)), 0
                shard, n = self._units[self._order[self._at]]
                shard, self._at = self.shards[shard], self._at + 1
                rows.append((shard, n, len(rows) + 1 if shard.mate[n] and len(rows) + 1 < self.batch else -1))
                if rows[-1][2] >= 0:
                    rows.append((shard, n + 1, len(rows) - 1))
            yield self.collate(rows)

    def collate(self, rows):
        b, rng = len(rows), self._rng
        caption, text, false = np.zeros(b, int), np.zeros(b, int), np.full(b, -1)
        said, shown = np.zeros((b, self.tags), np.float32), np.zeros((b, self.tags), np.float32)
        for row, (s, n, _) in enumerate(rows):
            first = s.first[n]
            caption[row] = first + rng.integers(s.captions[n])
            text[row] = caption[row] if rng.random() < CAPTION_ASKED else first + rng.integers(s.trues[n])
            if s.first[n + 1] > first + s.trues[n]:
                others = np.arange(first + s.trues[n], s.first[n + 1])
                share = FALSE_SHARES[s.kind[others]]
                false[row] = rng.choice(others, p=share / share.sum())
                if s.twin[false[row]] >= 0 and rng.random() < TWIN_ASKED:
                    text[row] = s.twin[false[row]]
            said[row, s.said_of(text[row])] = 1
            shown[row, s.shown_in(n)] = 1
        true = (shown @ said.T) >= said.sum(1) - 0.5
        mates = np.full(b, -1)
        for row, (s, n, mate) in enumerate(rows):
            if mate < 0:
                continue
            # The same words: an order or two colours have changed places, and the sentence says so unless it leaves
            # the colours out that may be all that differs.
            same = np.array_equal(np.sort(s.shown_in(n)), np.sort(rows[mate][0].shown_in(rows[mate][1])))
            if same and (not s.hued[n] or s.coloured[text[row]]):
                true[mate, row] = False
            if not true[mate, row]:
                mates[row] = mate
        true[np.arange(b), np.arange(b)] = True

        def ids(which):
            length = np.array([s.length[n] if n >= 0 else 2 for (s, _, _), n in zip(rows, which)], np.int64)
            out = np.stack([s.ids[max(n, 0)] for (s, _, _), n in zip(rows, which)])[:, :length.max()].astype(np.int64)
            return torch.from_numpy(out), torch.from_numpy(length)
        caption, c_length = ids(caption)
        text, t_length = ids(text)
        has = false >= 0
        false, f_length = ids(false)
        return {"pixels": torch.from_numpy(np.stack([s.pixels[n] for s, n, _ in rows])), "caption": caption,
                "c_length": c_length, "text": text, "t_length": t_length, "false": false, "f_length": f_length,
                "has_false": torch.from_numpy(has), "mate": torch.from_numpy(mates), "true": torch.from_numpy(true)}
