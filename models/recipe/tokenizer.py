"""Train CLIP's own kind of tokenizer on our captions, and write it as transformers reads it.

Byte-level BPE with the end-of-word mark </w>, lower case, digits one by one, as in CLIP but with 4,096 tokens:
256 bytes, 256 bytes that end a word, the merges, then <|startoftext|> and <|endoftext|> (which also pads).
"""

import json
import re
from collections import Counter, defaultdict

SIZE = 4096
START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's word pattern; for training, the letters of our captions are enough of \\p{L}.
_PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+", re.IGNORECASE)


def byte_letters():
    """CLIP's printable stand-in for each byte, in vocabulary order (bytes that print come first)."""
    plain = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    hidden = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + n) for n, b in enumerate(hidden)}


def learn(texts, size=SIZE):
    """Merges, most frequent pair first; ties go to the pair that sorts first, so the result is one and the same."""
    letters = byte_letters()
    counts = Counter(w for t in texts for w in _PATTERN.findall(t.lower()))
    words = [[letters[b] for b in w.encode()] for w in counts]
    for w in words:
        w[-1] += "</w>"
    weight = list(counts.values())
    pairs, where = Counter(), defaultdict(set)
    for n, w in enumerate(words):
        for pair in zip(w, w[1:]):
            pairs[pair] += weight[n]
            where[pair].add(n)
    merges = []
    while len(merges) < size - 514 and pairs:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for n in list(where[best]):
            old, new, k = words[n], [], 0
            while k < len(old):
                if tuple(old[k:k + 2]) == best:
                    new.append(old[k] + old[k + 1])
                    k += 2
                else:
                    new.append(old[k])
                    k += 1
            for pair in zip(old, old[1:]):
                pairs[pair] -= weight[n]
                where[pair].discard(n)
            for pair in zip(new, new[1:]):
                pairs[pair] += weight[n]
                where[pair].add(n)
            words[n] = new
        pairs = +pairs
    return merges


def write(folder, merges, context):
    """vocab.json, merges.txt, tokenizer.json and tokenizer_config.json of a CLIPTokenizer."""
    from transformers import CLIPTokenizer
    letters = list(byte_letters().values())
    names = letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges]
    vocabulary = {name: n for n, name in enumerate(names + [START, END])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2"] + [" ".join(m) for m in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    tokenizer = CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"),
                              model_max_length=context, bos_token=START, eos_token=END, pad_token=END, unk_token=END)
    tokenizer.save_pretrained(folder)
    return tokenizer
