"""The captioner's WordPiece vocabulary, learned from its own training sentences, and the token cache of its shards.

The files are BERT's, as BLIP publishes them: vocab.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json.
[DEC] begins a caption and [ENC] is what the original code puts before a text that is matched with a picture; transformers
leaves [CLS] there, and so does training.
"""

import gzip
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from captioner.grammar import FORM_WORDS
from words import COLOURS

VOCABULARY = 1536
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
DEC, ENC = VOCABULARY - 2, VOCABULARY - 1
LONGEST = 32  # tokens of a sentence, [CLS] and [SEP] included; longer ones do not train
FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def learn(sentences):
    """A BERT tokenizer of VOCABULARY tokens; [DEC] and [ENC] are the last two."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(sentences, trainers.WordPieceTrainer(
        vocab_size=VOCABULARY - 2, special_tokens=list(SPECIAL), continuing_subword_prefix="##", show_progress=False,
        limit_alphabet=64, min_frequency=2))
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    if len(words) != VOCABULARY - 2:
        raise ValueError(f"the sentences gave {len(words)} tokens, {VOCABULARY - 2} are wanted: give more of them")
    return from_words([*words, "[DEC]", "[ENC]"])


def from_words(words):
    tokenizer = Tokenizer(models.WordPiece({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([*SPECIAL, "[DEC]", "[ENC]"])
    return tokenizer


def write(folder, tokenizer):
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("unk", "sep", "pad", "cls", "mask")}
    names |= {"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]}
    (folder / "special_tokens_map.json").write_text(json.dumps(names, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True,
        "model_max_length": 64, "model_input_names": ["input_ids", "attention_mask"]}, indent=2) + "\n")


def records(stem):
    with gzip.open(f"{stem}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


class Ragged:
    """Rows of different lengths, one after the other."""

    def __init__(self, rows, dtype):
        self.ends = np.cumsum([len(r) for r in rows])
        self.values = np.array([v for r in rows for v in r], dtype)

    def __getitem__(self, n):
        return self.values[self.ends[n - 1] if n else 0:self.ends[n]]


def coded(stem, tokenizer, wordnet, tags, kept):
    """Build a shard's token cache.

    ids [S, LONGEST] uint16, padded; length [S] uint8; of each picture: first [P + 1], how many of its sentences are true and
    how many of those are captions; of each sentence: its tag columns, whether it names a colour, and of a false one its
    change (as an index into `kept`) and its twin, the true sentence of its form.
    """
    rows = records(stem)
    texts, first, captions, trues = [], [0], [], []
    for r in rows:
        texts += [t for t, _ in r["true"]] + [f[0] for f in r["false"]]
        first.append(len(texts))
    codes = [c.ids for c in tokenizer.encode_batch(texts)]
    fits = [len(c) <= LONGEST for c in codes]
    keep, begin = [], [0]
    for r, at in zip(rows, first):
        said = [at + n for n, (_, caption) in enumerate(r["true"]) if caption]
        asked = [at + n for n, (_, caption) in enumerate(r["true"]) if not caption]
        false = range(at + len(r["true"]), at + len(r["true"]) + len(r["false"]))
        said = [n for n in said if fits[n]] or said[:1]
        mine = [said, [n for n in asked if fits[n]], [n for n in false if fits[n]]]
        captions.append(len(mine[0]))
        trues.append(len(mine[0]) + len(mine[1]))
        keep += [n for part in mine for n in part]
        begin.append(len(keep))
    ids = np.full((len(keep), LONGEST), PAD, np.uint16)
    lengths, said_tags, coloured, known = np.zeros(len(keep), np.uint8), [], np.zeros(len(keep), bool), {}
    for row, n in enumerate(keep):
        code = codes[n] if fits[n] else [*codes[n][:LONGEST - 1], SEP]
        ids[row, :len(code)], lengths[row] = code, len(code)
        if texts[n] not in known:
            words = set(wordnet.words(texts[n])) - FORM_WORDS
            known[texts[n]] = [tags[w] for w in words if w in tags], bool(words & set(COLOURS))
        said_tags.append(known[texts[n]][0])
        coloured[row] = known[texts[n]][1]
    colours = [tags[c] for c in COLOURS if c in tags]
    shown = [[tags[t] for t in r["tags"] if t in tags] + ([] if r["hued"] else colours) for r in rows]
    kinds = np.full(len(keep), -1, np.int8)
    place = {n: row for row, n in enumerate(keep)}
    twin = np.full(len(keep), -1, np.int32)
    for r, at in zip(rows, first):
        for n, (_, change, form) in enumerate(r["false"], at + len(r["true"])):
            if n in place:
                kinds[place[n]], twin[place[n]] = kept.index(change), place.get(at + form, -1)
    said, shown = Ragged(said_tags, np.int32), Ragged(shown, np.int32)
    part = Path(f"{stem}.part.npz")
    np.savez(part, ids=ids, length=lengths, first=np.array(begin), captions=np.array(captions), trues=np.array(trues),
             said=said.values, said_ends=said.ends, shown=shown.values, shown_ends=shown.ends, coloured=coloured,
             kind=kinds, twin=twin, mate=np.array([r["mate"] for r in rows], np.int8), hued=np.array([r["hued"] for r in rows]))
    part.rename(f"{stem}.npz")
