#!/usr/bin/env python3
"""Makes bert/ and bert_lines/, small WordPiece tokenizers, what transformers makes of many texts with them, and which
characters its rules take for what (bert_characters.json).

    python make_bert_goldens.py       # needs tokenizers and transformers (made with 0.23.3 and 5.24)

bert/ is a tokenizer.json with the tokens that BLIP adds; bert_lines/ the same vocabulary as a vocab.txt alone, cased, with
decoded texts cleaned up as older configurations ask for. The texts are those of clip/goldens.jsonl and a few more.
"""

import json
import random
import shutil
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer

HERE = Path(__file__).resolve().parent
CONTEXTS = (64, 8)
EXTRA = [
    "[CLS] a [SEP] b[MASK]c [UNK] [PAD]", "[DEC] a picture of", "[dec] [enc]", "[ENC]a[DEC]", "a" * 100, "a" * 101, "é" * 100, "e\u0301" * 101,
    "it's a cat , isn't it ? yes !", "don't do not can't we've they're i'm", "中文字符 and ascii", "dog's", "\U0002A6DE\U0002A700", "##ing ##", "a##b",
    "ﬁne ﬂow", "[CLS", "CLS]", "[ CLS ]", "\u0130stanbul", "x\u0301\u0302", "\u1734a", "\u166da", "１２３", "ab\u200bcd", "ab\ue000cd",
]
THINGS = ("a photo picture of the dog cat horse bird tree flower house car boat train with and on in red blue green small large "
          "sleeping running is not do it they we isn don ' s t re ve m").split()


def texts():
    with open(HERE / "clip" / "goldens.jsonl", encoding="utf-8") as file:
        return list(dict.fromkeys([json.loads(line)["text"] for line in file] + EXTRA))


def vocabulary():
    """Special tokens, trained pieces, and the letters of the texts."""
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    chance = random.Random(5)
    corpus = [" ".join(chance.choice(THINGS) for _ in range(12)) for _ in range(400)] + texts()
    trained.train_from_iterator(corpus, trainers.WordPieceTrainer(
        vocab_size=1400, limit_alphabet=500, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    order = sorted(trained.get_vocab().items(), key=lambda entry: entry[1])
    return [token for token, _ in order] + ["Dog", "Cat", "##S", "É", "A"]


def write_goldens(folder, tokenizer):
    chance = random.Random(9)
    with open(folder / "goldens.jsonl", "w", encoding="utf-8") as out:
        for text in texts():
            row = {"text": text}
            for context in CONTEXTS:
                row[f"ids{context}"] = tokenizer(text, truncation=True, max_length=context).input_ids
            row["decoded"] = tokenizer.decode(row["ids64"], skip_special_tokens=True)
            # What a model may say: any ids, some beyond the vocabulary.
            row["said"] = [chance.randrange(len(tokenizer) + 3) for _ in range(chance.randint(1, 12))]
            row["said_text"] = tokenizer.decode(row["said"], skip_special_tokens=True)
            out.write(json.dumps(row) + "\n")
    print(folder.name, len(texts()), "texts")


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def ranges(holds):
    found = []
    for c in range(1, 0x110000):
        if not 0xD800 <= c < 0xE000 and holds(chr(c)):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def characters():
    """What the library does with each code point between two letters."""
    cleaner, cutter = normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=False), None
    chinese = normalizers.BertNormalizer(clean_text=False, strip_accents=False, lowercase=False)
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    cutter = pre_tokenizers.BertPreTokenizer()
    words = lambda c: [word for word, _ in cutter.pre_tokenize_str("a" + c + "b")]
    table = dict(
        removed=ranges(lambda c: cleaner.normalize_str("a" + c + "b") == "ab"),
        white=ranges(lambda c: cleaner.normalize_str("a" + c + "b") == "a b"),
        ideographs=ranges(lambda c: chinese.normalize_str("a" + c + "b") == "a " + c + " b"),
        marks=ranges(lambda c: accents.normalize_str("a" + c + "b") == "ab"),
        punctuation=ranges(lambda c: words(c) == ["a", c, "b"]),
        spaces=ranges(lambda c: words(c) == ["a", "b"]))
    (HERE / "bert_characters.json").write_text(json.dumps(table, separators=(",", ":")) + "\n")


def main():
    names = vocabulary()
    ids = {token: n for n, token in enumerate(names)}
    folder = fresh("bert")
    tokenizer = BertTokenizer(vocab=ids)
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    tokenizer.save_pretrained(folder)
    write_goldens(folder, BertTokenizer.from_pretrained(folder))

    folder = fresh("bert_lines")
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in names), encoding="utf-8")
    settings = {"do_lower_case": False, "strip_accents": False, "clean_up_tokenization_spaces": True, "tokenize_chinese_chars": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
    from transformers.models.bert.tokenization_bert import load_vocab
    write_goldens(folder, BertTokenizer(vocab=dict(load_vocab(folder / "vocab.txt")), **settings))
    characters()


if __name__ == "__main__":
    main()
