"""Makes siglip_unigram/, siglip_fast/ and siglip_first/, tokenizer.json files of type Unigram, and what the tokenizers library makes of the
texts of siglip/goldens.jsonl with them.

    python make_unigram_goldens.py       # needs tokenizers and sentencepiece (made with 0.23.3 and 0.2.3)

All hold the pieces of siglip/spiece.model. siglip_unigram/ has the parts that conversions from SentencePiece have, with
the whole character map (as in timm's directories of SigLIP); siglip_fast/ those that the published class's cleaning is
written in, bytes to fall back on, and tokens that are found in normalized text; siglip_first/ next to nothing.
"""

import base64
import json
import re
import shutil
import string
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = Path(__file__).resolve().parent
CONTEXTS = (64, 8)
EXTRA = [
    "e\u0301 E\u0301 \u1100\u1161\u11a8 \u0928\u093f \ud55c\uae00", "\U0001F468\u200d\U0001F469\u200d\U0001F467 family", "\U0001F1E9\U0001F1EA flags",
    "\u2460\u2461 \ufb01 \u210c \u3392 \u00bd \uff21\uff22 \uff76\uff9e", "a\u0000b\u0001c", "\r\n\r\n", "  two  spaces   three ", "\u3000wide\u3000",
    "x\u0301\u0302\u0303\u0304", "\u2581a\u2581\u2581b", " \u2581 ", "!!!", "!?.,;:", "<extra> a <EXTRA>b <extra>", "a</s>b </s> c", "</s> a", "<unk> a<unk>",
    "\ufffd\u00a0\u200b\ufeff", "ß ẞ ŉ İ I\u0307 Σ σ ς", "\t tab", "a" * 300, "zzzq" * 40, "漢字" * 60,
]


def fields(data):
    """(number, value) of a protocol buffer's fields."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            size = varint() if size is None else size
            yield key >> 3, data[at:at + size]
            at += size


def write(name, tokenizer, settings):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str())), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = (HERE / "siglip" / "goldens.jsonl").read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys([json.loads(line)["text"] for line in lines] + EXTRA))
    # Latin Extended-F came with Unicode 14: whether NFKC knows it depends on the library's age.
    texts = [text for text in texts if not re.search("[\U00010780-\U000107BF]", text)]
    with open(folder / "goldens.jsonl", "w", encoding="utf-8") as out:
        for text in texts:
            row = {"text": text}
            for context in CONTEXTS:
                tokenizer.enable_truncation(context)
                row[f"ids{context}"] = tokenizer.encode(text).ids
            out.write(json.dumps(row) + "\n")
    print(name, len(texts), "texts")


def main():
    model = (HERE / "siglip" / "spiece.model").read_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    charsmap = next(dict(fields(value))[2] for number, value in fields(model) if number == 3)
    pieces = [(processor.id_to_piece(n), processor.get_score(n)) for n in range(processor.get_piece_size())]
    end = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])

    converted = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    converted.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True),
                                                 normalizers.Replace(Regex(" {2,}"), "▁")])
    converted.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    converted.post_processor = end
    converted.add_special_tokens(["</s>", "<pad>", "<unk>", "<extra>"])
    assert base64.b64decode(json.loads(converted.to_str())["normalizer"]["normalizers"][0]["precompiled_charsmap"]) == charsmap
    write("siglip_unigram", converted, {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>", "model_max_length": 64})

    fast = Tokenizer(models.Unigram(pieces + [(f"<0x{byte:02X}>", 0.0) for byte in range(256)], unk_id=2, byte_fallback=True))
    punctuation = "[" + re.escape(string.punctuation) + "]"
    fast.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.NFKC(), normalizers.Replace(Regex(punctuation), ""),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace("zz", "z")])
    fast.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    fast.post_processor = end
    fast.add_special_tokens([AddedToken("</s>", lstrip=True, rstrip=True, normalized=False), AddedToken("<pad>", normalized=False)])
    fast.add_tokens([AddedToken("<extra>", normalized=True), AddedToken("Two  Dogs", normalized=True, single_word=True)])
    write("siglip_fast", fast, {"eos_token": "</s>", "pad_token": "<pad>", "padding_side": "left"})

    first = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    first.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    first.add_special_tokens([AddedToken("</s>", normalized=False)])
    write("siglip_first", first, {"eos_token": "</s>", "pad_token": "</s>", "add_eos_token": False})


if __name__ == "__main__":
    main()
