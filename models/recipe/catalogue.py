"""The manifest made ready for training: every picture with its pixels, words, kinds, colour and sampling weight."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

import data
import splits
import words as lexicon

STYLE_FAMILIES = {"emoji-noto": "emoji", "emoji-one": "emoji", "emoji-twemoji": "emoji", "kalzium": "photo",
                  "photos-hand": "photo", "ulcc": "photo", "outline-noto": "outline",
                  "outline-symbola": "outline", "icons-material": "icon", "icons-awesome": "icon", "icons-bootstrap": "icon"}
FURTHER = 0.7  # weight of the further pictures beside others
COUNT_WORDS = ("one", "two", "three", "four")
MIN_KIND = 6  # a hypernym is kept when at least so many training captions have it
# Pictures of these are signs, faces, persons or text: never pasted into scenes, and not mirrored.
_NOT_OBJECTS = re.compile(r"flag|sign|symbol|card|face|letter|number|arrow|icon|map|geograph|shape|logo|rape|people|person|"
                          r"smiley|emotion|keyboard|clock|button|alphanum|couple|family|hand|walls|doors|lights", re.I)
_HUES = ((15, "red"), (40, "orange"), (68, "yellow"), (165, "green"), (258, "blue"), (295, "purple"), (338, "pink"),
         (361, "red"))


@dataclass
class Item:
    """One picture. `tags` are the words and kinds that may be said of it; `pixels` is uint8 [h, w, 3 or 4]."""
    id: str
    source: str
    side: str
    caption: str
    keywords: list
    kinds: list
    pixels: np.ndarray
    kind: str
    cluster: int
    tags: frozenset = field(default_factory=frozenset)
    colour: str = ""
    weight: float = 0.0
    flips: bool = True
    pasteable: bool = False
    further: bool = False  # of more.jsonl.gz

    @property
    def photo(self):
        return self.pixels.shape[2] == 3


def dominant_colour(pixels):
    """The one hue that most of a cut-out has, as a word, or "" when it is grey or of many colours."""
    small = pixels[::4, ::4]
    opaque = small[small[..., -1] > 128][:, :3] if small.shape[2] == 4 else small.reshape(-1, 3)
    if len(opaque) < 20:
        return ""
    hue, saturation, value = np.asarray(Image.fromarray(opaque[None]).convert("HSV"))[0].T.astype(int)
    vivid = (saturation > 90) & (value > 70)
    if vivid.mean() < 0.5:
        return ""
    names = Counter(next(n for limit, n in _HUES if h * 360 / 255 < limit) for h in hue[vivid])
    name, count = names.most_common(1)[0]
    return name if count > 0.7 * vivid.sum() and name in ("red", "yellow", "green", "blue", "purple", "pink") else ""


def clean(text):
    """A caption as a person would type it: lower case, no article, no full stop, no double spaces."""
    text = re.sub(r"\s+", " ", text.lower().replace("_", " ")).strip(" .!")
    return re.sub(r"^(a|an|the|some) ", "", text)


def _keywords(item):
    seen = dict.fromkeys(clean(k) for k in item["keywords"])
    return [k for k in seen if 2 < len(k) < 30 and k != item["words"] and "hash" not in k and "unsorted" not in k]


def _pasteable(item, entry, wordnet):
    """Nameable things with a transparent surround and a short name without colour or number."""
    pixels = entry.pixels
    text = lexicon.tokens(entry.caption)
    if entry.photo or not 1 <= len(text) <= 2 or len(clean(entry.caption).split()) > 2 or not entry.kinds:
        return False
    if _NOT_OBJECTS.search(item["category"] + " " + entry.caption) or set(text) & set(lexicon.COLOURS):
        return False
    if wordnet.lemma(text[-1]) != text[-1] or "person" in entry.kinds:
        return False
    return 0.1 < (pixels[..., 3] < 64).mean() < 0.85 and min(pixels.shape[:2]) >= 40


def load(cache):
    """All pictures with a side in the division, training weights included."""
    side, pixels = splits.load(), data.load(cache)
    wordnet = lexicon.WordNet(f"{cache}/pkgs/wordnet-base/usr/share/wordnet")
    raw = {i["id"]: i for i in (*data.manifest(), *data.more())}
    items = []
    for key, name in side.items():
        if key not in pixels or name == "out":
            continue
        m = raw[key]
        weak = m["use"] == "weak caption"
        caption = m["caption"] if m["source"] == "photos-hand" else m["words"]
        keywords = _keywords(m)
        if weak and not keywords:
            continue
        entry = Item(key, m["source"], name, keywords[0] if weak else clean(caption), keywords,
                     wordnet.kinds(clean(caption)), pixels[key], m["kind"], m["dup_cluster"])
        entry.flips = not re.search(r"flag|sign|letter|number|arrow|map|left|right|keyboard|card|button",
                                    m["category"] + " " + caption, re.I)
        entry.further = "near" in m
        entry.pasteable = not weak and _pasteable(m, entry, wordnet)
        entry.colour = "" if entry.photo else dominant_colour(entry.pixels)
        items.append(entry)
    # Counted without the further pictures, whose coming must not change what may be said of a picture that is asked about.
    common = Counter(k for i in items if i.side == "train" and not i.further for k in set(i.kinds))
    for i in items:
        i.kinds = [k for k in i.kinds if common[k] >= MIN_KIND]
        said = set(wordnet.words(i.caption))
        for k in i.keywords:
            said |= set(wordnet.words(k))
        for k in i.kinds:
            said |= set(wordnet.words(k))
        if i.colour:
            said.add(i.colour)
        i.tags = frozenset(said)
    _weigh([i for i in items if i.side == "train"], raw)
    return items, wordnet


def _weigh(train, raw):
    """Sampling weights: families by about the square root of their size, common captions held back, and flags, cards
    and symbols capped, or they would fill every batch."""
    sizes = Counter(STYLE_FAMILIES.get(i.source, i.source) for i in train)
    captions = Counter(i.caption for i in train)
    for i in train:
        m = raw[i.id]
        i.weight = sizes[STYLE_FAMILIES.get(i.source, i.source)] ** -0.4 * captions[i.caption] ** -0.4
        if re.search(r"flag|playing_cards|geography", m["category"] + m["path"], re.I):
            i.weight *= 0.2
        elif i.further:
            i.weight *= FURTHER
        elif m["use"] != splits.POOL:
            i.weight *= 0.35
