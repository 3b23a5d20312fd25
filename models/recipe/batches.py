"""Draw training batches: pictures, the sentence of each, further sentences, and which sentence is true of which.

A batch (all torch tensors; B pictures, M = B + extra sentences, N false sentences of scenes, V words of the list):

    pixels  uint8 [B, side, side, 3]
    ids     int64 [M + N, T]   token ids, padded with the end token; T is the longest of the batch
    truth   int8  [B, M]       1 true, 0 false, -1 unknown (left out of the loss)
    owner   int64 [N]          the picture whose false sentence this is
    slot    int64 [N]          which of its picture's false sentences, from 0
    where   int64 [P]          the picture (and sentence) of a scene that says what is at one of its places
    place   int64 [P]          the place, as an index into scenes.PLACES
    there   float [P, V]       words of what is at that place, each row a distribution
    words   float [B + M, V]   what each picture shows, then what each sentence says, each row a distribution
"""

import numpy as np
import torch
from tokenizers import Tokenizer

import compose
import words as lexicon
from scenes import PLACES, SceneMaker, article

_COLOURS = frozenset(lexicon.COLOURS)
_PAINTED = _COLOURS | {"one", "two", "three", "four"}
# Shares of the batch size: pairs of scenes, other composed scenes, further sentences.
PAIRS, SCENES, EXTRA = 0.3, 0.17, 0.75


def tag_vocabulary(train):
    """Tag -> column of the word head: everything said of at least two training pictures."""
    seen = {}
    for item in train:
        for tag in item.tags:
            seen[tag] = seen.get(tag, 0) + 1
    return {tag: n for n, tag in enumerate(sorted(t for t, c in seen.items() if c > 1))}


class Batches(torch.utils.data.IterableDataset):
    """An endless stream of batches; the same seed and worker give the same stream."""

    def __init__(self, items, wordnet, tokenizer_file, side, batch, seed):
        super().__init__()
        self.train = [i for i in items if i.side == "train"]
        self.wordnet, self.side, self.batch, self.seed = wordnet, side, batch, seed
        self.tags = tag_vocabulary(self.train)
        self._tokenizer_file = str(tokenizer_file)
        weights = np.array([i.weight for i in self.train])
        self._cumulative = np.cumsum(weights / weights.sum())
        self._backgrounds = [i for i in self.train if i.source == "photos-hand"]
        self._kinds = sorted({k for i in self.train for k in i.kinds})
        self._scenes = SceneMaker([i for i in self.train if i.pasteable], self._backgrounds, wordnet, side)
        self._text_tags, self._rows = {}, {}

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        tokenizer = Tokenizer.from_file(self._tokenizer_file)
        end = tokenizer.token_to_id("<|endoftext|>")
        tokenizer.enable_truncation(32)
        tokenizer.enable_padding(pad_id=end, pad_token="<|endoftext|>")
        while True:
            yield self._batch(rng, tokenizer)

    def _item(self, rng):
        return self.train[min(np.searchsorted(self._cumulative, rng.random()), len(self.train) - 1)]

    def _tags_of(self, text):
        if text not in self._text_tags:
            if len(self._text_tags) > 200_000:
                self._text_tags.clear()
            self._text_tags[text] = frozenset(self.wordnet.words(text))
        return self._text_tags[text]

    def sentence(self, item, rng, background=""):
        """One true thing to say of a picture: its caption in some form, a keyword, its kind, or its colour."""
        caption, draw = item.caption, rng.random()
        coloured = bool(self._tags_of(caption) & _COLOURS)
        if draw < 0.12 and item.kinds:
            near = min(int(rng.exponential(1.3)), len(item.kinds) - 1)
            return article(item.kinds[near]) if rng.random() < 0.6 else item.kinds[near]
        if draw < 0.22 and item.keywords:
            return item.keywords[rng.integers(len(item.keywords))]
        if draw < 0.28 and item.keywords:
            return f"{caption} {item.keywords[rng.integers(len(item.keywords))]}"
        if draw < 0.40 and item.colour and not coloured:
            return article(f"{item.colour} {caption}")
        if draw < 0.45:
            return caption.split()[-1]
        said = article(caption) if rng.random() < 0.5 else caption
        frame = rng.random()
        if frame < 0.12:
            said = ("a photo of " if item.photo else "a drawing of ") + said
        elif frame < 0.17:
            said = "a picture of " + said
        elif background and frame < 0.4:
            said += f" on a {background} background"
        return said

    def _single(self, rng):
        """One picture of one thing: pixels, sentence, tags, colour known, false sentences, word weights."""
        item, background = self._item(rng), ""
        if item.photo:
            canvas = compose.random_crop(item.pixels, self.side, rng, 0.4)
        else:
            draw = rng.random()
            if draw < 0.16 and self._backgrounds:
                place = self._backgrounds[rng.integers(len(self._backgrounds))]
                canvas = compose.random_crop(place.pixels, self.side, rng, 0.25)
            elif draw < 0.24:
                background = list(compose.RGB_OF)[rng.integers(len(compose.RGB_OF))]
                canvas = compose.plain_background(self.side, rng, background)
            else:
                canvas = compose.plain_background(self.side, rng)
            canvas = compose.single(item, self.side, rng, canvas)
        text = self.sentence(item, rng, background)
        named = bool(self._tags_of(text) & _COLOURS) or item.colour
        canvas = compose.jitter(canvas, rng, named)
        if rng.random() < compose.HIDDEN:
            compose.hide(canvas, rng)
        return canvas, text, item.tags | self._tags_of(text), bool(item.colour), [], [item]

    def _scene(self, rng):
        scene = self._scenes.make(rng)
        hard = [t for kind in ("order", "count", "colour") for t in scene.wrong.get(kind, ())]
        easy = [t for kind in ("object", "place") for t in scene.wrong.get(kind, ())]
        # Two false sentences, at least one of them hard where the scene has one.
        wrong = [hard.pop(rng.integers(len(hard)))] if hard else []
        rest = hard + easy
        wrong.append(rest[rng.integers(len(rest))])
        canvas = compose.jitter(scene.image, rng, True)
        return canvas, scene.text, frozenset(scene.tags), True, wrong, scene.items

    def _rows_of(self, item):
        """{column: weight} of one picture's words: its caption's own first, then kinds, then keywords."""
        if item.id not in self._rows:
            row = {}
            for group, value in ((item.tags, 0.2), (item.kinds, 0.35), (self._tags_of(item.caption), 1.0)):
                for word in group:
                    for tag in self._tags_of(word) if " " in word else (word,):
                        if tag in self.tags:
                            row[self.tags[tag]] = max(value, row.get(self.tags[tag], 0))
            self._rows[item.id] = row
        return self._rows[item.id]

    def _word_weights(self, shown, said):
        """Rows of `words`. `shown` is [(items, tags)] of the pictures, `said` [(items, text)] of the sentences: a
        sentence stands for its words first, and a little for what else is true of what it speaks of."""
        weights = np.zeros((len(shown) + len(said), len(self.tags)), np.float32)
        for row, (items, tags) in enumerate(shown):
            for item in items:
                for column, value in self._rows_of(item).items():
                    weights[row, column] = max(weights[row, column], value)
            for tag in tags & _PAINTED:
                if tag in self.tags:
                    weights[row, self.tags[tag]] = 0.6
        for row, (items, text) in enumerate(said, len(shown)):
            for item in items:
                for column, value in self._rows_of(item).items():
                    weights[row, column] = 0.25 * value
            for tag in self._tags_of(text):
                if tag in self.tags:
                    weights[row, self.tags[tag]] = 1.0
        return weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)

    def _truth(self, drawn, texts, scenes):
        """1 / 0 / -1 for every picture and sentence: true when all of its words may be said of the picture."""
        truth = np.zeros((len(drawn), len(texts)), np.int8)
        for column, text in enumerate(texts):
            tags = self._tags_of(text)
            if not tags:
                continue
            exact, plain = column < len(drawn) and scenes[column], tags - _COLOURS
            for row, (_, _, shown, colour_known, _, _) in enumerate(drawn):
                if tags <= shown:
                    truth[row, column] = -1 if exact else 1
                elif plain and plain <= shown and not colour_known:
                    truth[row, column] = -1
        truth[np.arange(len(drawn)), np.arange(len(drawn))] = 1
        return truth

    def _batch(self, rng, tokenizer):
        drawn, places, scenes = [], [], np.zeros(self.batch, bool)
        pairs = int(PAIRS * self.batch / 2)
        for _ in range(pairs):
            for scene in self._scenes.pair(rng):
                places += [(len(drawn), PLACES.index(place), item) for place, item in scene.places]
                canvas = compose.jitter(scene.image, rng, True)
                drawn.append((canvas, scene.text, frozenset(scene.tags), True, scene.wrong["order"], scene.items))
        scenes[2 * pairs:] = rng.random(self.batch - 2 * pairs) < SCENES / (1 - PAIRS)
        drawn += [self._scene(rng) if s else self._single(rng) for s in scenes[2 * pairs:]]
        scenes[:2 * pairs] = True
        said = [(d[5], d[1]) for d in drawn]
        for _ in range(int(EXTRA * self.batch)):
            if rng.random() < 0.2:
                said.append(([], self._kinds[rng.integers(len(self._kinds))]))
            else:
                item = self._item(rng)
                said.append(([item], self.sentence(item, rng)))
        texts = [text for _, text in said]
        truth = self._truth(drawn, texts, scenes)
        for row in range(0, 2 * pairs, 2):  # the words of the two may be the same; what they say is not
            truth[row, row + 1] = truth[row + 1, row] = 0
        wrong = [(row, slot, text) for row, d in enumerate(drawn) for slot, text in enumerate(d[4])]
        coded = tokenizer.encode_batch(texts + [text for _, _, text in wrong])
        there = np.zeros((len(places), len(self.tags)), np.float32)
        for row, (_, _, item) in enumerate(places):
            for column, value in self._rows_of(item).items():
                there[row, column] = value
        column = lambda rows, n: torch.tensor([r[n] for r in rows], dtype=torch.long)
        return {"pixels": torch.from_numpy(np.stack([np.asarray(d[0]) for d in drawn])),
                "ids": torch.tensor([c.ids for c in coded]), "truth": torch.from_numpy(truth),
                "owner": column(wrong, 0), "slot": column(wrong, 1), "where": column(places, 0), "place": column(places, 1),
                "there": torch.from_numpy(there / np.maximum(there.sum(1, keepdims=True), 1e-6)),
                "words": torch.from_numpy(self._word_weights([(d[5], d[2]) for d in drawn], said))}
