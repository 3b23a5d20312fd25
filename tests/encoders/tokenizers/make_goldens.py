"""Makes the small tokenizers in this folder and what transformers makes of many texts with them.

    python make_goldens.py                # writes clip/ clip_old/ siglip/ siglip2/ siglip2_spm/ openclip/, each with goldens.jsonl
    python make_goldens.py --published    # also checks the rules against CLIP's published vocabulary (open_clip_torch)

Needs transformers, tokenizers, sentencepiece and open_clip_torch (made with 5.23, 0.23, 0.2.3 and 3.3.0). The vocabularies are trained on the
sentences below, so that the files stay small; the rules they are applied by are the published classes' own.
"""

import argparse
import io
import json
import random
import re
import shutil
import unicodedata
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizer, SiglipTokenizer
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

HERE = Path(__file__).resolve().parent
START, END = "<|startoftext|>", "<|endoftext|>"
CONTEXTS = (64, 8)

THINGS = ("dog cat horse bird fish tree flower house car bicycle boat train plane mountain river lake beach sky cloud "
          "sun moon star child woman man family friend city street bridge castle church garden kitchen table chair "
          "book lamp window door clock guitar piano camera phone computer apple orange banana bread cheese coffee "
          "tea cake pizza salad soup ball kite umbrella hat shoe shirt dress coat glasses ring").split()
KINDS = ("red blue green yellow black white brown small large old young happy sad bright dark wooden metal wet dry "
         "beautiful quiet busy sleeping running swimming flying").split()
PLACES = ("on the grass", "in the snow", "by the sea", "under a tree", "at night", "in front of a house", "on a table",
          "in the rain", "at sunset", "with a red hat", "next to two dogs", "on top of the mountain")
OTHER = ["Ein kleiner Hund läuft über die grüne Wiese.", "Straße und Fluß im Frühling", "Un café près de la forêt",
         "Niño con sombrero rojo en la montaña", "Кошка спит на окне", "большая собака в снегу", "猫の写真", "犬と山",
         "一只猫在草地上", "고양이 사진", "γάτα στο σπίτι", "ΟΔΥΣΣΕΥΣ και Σ", "קטן חתול", "قطة صغيرة", "बिल्ली की तस्वीर",
         "I'm sure they'll say it's what we've seen, don't you think he'd agree?", "3 cats, 12 dogs & 1,000 birds!",
         "e-mail me: name@example.org (2021-05-17)", "C++ / C# && $5.99 #nofilter", "\U0001F415 on the beach \U0001F3D6",
         "line\nbreaks\n\nand\ttabs"]


def corpus():
    chance = random.Random(1)
    for _ in range(3000):
        yield (f"a {chance.choice(KINDS)} {chance.choice(THINGS)} and a {chance.choice(KINDS)} {chance.choice(THINGS)} "
               f"{chance.choice(PLACES)}")
    for line in OTHER:
        for _ in range(20):
            yield line


def texts():
    """What people write, what breaks tokenizers, and seeded noise of assigned code points."""
    fixed = OTHER + [
        "", " ", "   ", "a", "A", "a photo of a cat", "Hello, World! 123", "two dogs' toys — naïve café",
        "it's  an   e-mail@x.y", "IT'S WE'VE THEY'LL I'M HE'D DON'T YOU'RE", "'s't're've'm'll'd", "''s '''s 's's", "1234567890 ½ Ⅳ ٣ ५",
        "x²+y³=z⁴", "A_b a-b a.b a/b", "snake_case CamelCase", "tab\tnewline\nreturn\rfeed\x0cvertical\x0bend",
        "no\u00a0break\u2003em\u3000wide\u2028line\u2029par\u0085nel", "zero\u200bwidth\u200djoin\ufeffbom", "soft\u00adhyphen",
        "file\x1cgroup\x1drecord\x1eunit\x1f", "nul\x00inside", "bell\x07 esc\x1b[31m", "\u180emongolian",
        "e\u0301 é E\u0301 É", "A\u030a Å \u212b", "\u1e9e ẞ ß SS", "İstanbul Iı iİ", "ΣΑΣ Σ. ΑΣ ΑΣΑ ὈΔΥΣΣΕΎΣ", "ǅ ǈ ǋ ǲ", "ﬁ ﬂ ﬃ",
        "K Å Ω", "ｆｕｌｌ ｗｉｄｔｈ １２３", "①②③ ㌔ ㈱", "\u0344 \u0374 \u037e \u0387", "가 각 한", "ก็ กำ นํ้า", "ด้วย",
        "👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "👍🏽 ok", "❤️ ❤", "𝒜𝓑𝕮 𝟘𝟙", "𐐀𐐨 deseret", "\U0001F600" * 12, "\u0301start", "a\u0301\u0302\u0303\u0304b",
        "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "a<|endoftext|>b", "<|ENDOFTEXT|> <|STARTOFTEXT|>", "!<|startoftext|>!", "!<|STARTOFTEXT|>!",
        "<|startoftext|", "<|<|endoftext|>|>", "</s>", "a </s> b", "dog</s>", "dog </s>", "</s> dog", "</s></s>", "<unk> dog <pad>", "<s>cat</s>",
        "<eos>", "dog<eos>cat <bos> <pad> <unk>", "<EOS> dog", "<0x41><0x0A>", "\n\n\n", "a\n\nb", "▁▁ a ▁b", "▁", "dog ▁▁▁ cat", " leading", "trailing ", "  both  ",
        "many    spaces     between", "...", "!!!???", "--- *** ---", "(a) [b] {c}", "a,b;c:d", "$#@!%^&*", "\\ | ~ `", "«quotes» “curly” ‘single’ „low“",
        "don’t (curly)", "naïve façade résumé", "Ünïcödé", "MiXeD CaSe", "AAAAAAAAAAAAAAAAAAAAAAAA", "ab" * 40, "the " * 30, "dog" * 30,
        "supercalifragilisticexpialidocious", "http://example.org/a?b=c&d=e#f", "C:\\path\\file.txt", "&amp; &lt;b&gt; &#39;", "<b>bold</b>", "\ufffd", "a\ufffdb", "\u00e9" * 70,
        "x" * 300, "photo " * 80, "犬" * 70, "\U00100000 private \ue000", "a photo of a dog" + "!" * 100, "…—–‑", "№ ™ © ®", "½ dog", "5kg 10m² 3°C",
    ]
    chance = random.Random(7)
    points = [chr(c) for c in range(1, 0x20000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    common = list("abcdefghijklmnopqrstuvwxyz     ABCDEFGXYZ'''.,!-0123456789áéíóúñüßçøåæαβγабвгд日本語한국어\n\t")
    noise = []
    for n in range(120):
        pool = points if n % 3 == 0 else common
        noise.append("".join(chance.choice(pool if chance.random() < 0.8 else points) for _ in range(chance.randint(1, 40))))
    for n in range(60):
        words = [chance.choice(THINGS + KINDS + ["it's", "DON'T", "42", "—", START, END, "</s>", "<eos>", "naïve"]) for _ in range(chance.randint(1, 20))]
        noise.append(chance.choice([" ", "  ", "-", ""]).join(words))
    return list(dict.fromkeys(fixed + noise))


def byte_letters():
    plain = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    hidden = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + n) for n in range(len(hidden))]


def write_goldens(folder, tokenizer):
    with open(folder / "goldens.jsonl", "w", encoding="utf-8") as out:
        for text in texts():
            row = {"text": text}
            for context in CONTEXTS:
                row[f"ids{context}"] = tokenizer(text, truncation=True, max_length=context).input_ids
            out.write(json.dumps(row) + "\n")
    print(folder.name, len(texts()), "texts")


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def train_clip(size=1000):
    """vocab and merges in CLIP's order: bytes, bytes that end a word, merges, the two specials."""
    probe = CLIPTokenizer()
    backend = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    backend.normalizer = probe.backend_tokenizer.normalizer
    backend.pre_tokenizer = probe.backend_tokenizer.pre_tokenizer
    backend.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, end_of_word_suffix="</w>", show_progress=False,
                                                              initial_alphabet=byte_letters()))
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in json.loads(backend.to_str())["model"]["merges"]]
    letters = byte_letters()
    names = letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges]
    names = list(dict.fromkeys(names))
    return {name: n for n, name in enumerate(names + [START, END])}, merges


def clip():
    vocab, merges = train_clip()
    folder = fresh("clip")
    CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77).save_pretrained(folder)
    write_goldens(folder, CLIPTokenizer.from_pretrained(folder))

    # As the first published checkpoints have it: two plain files, and specials to be found in normalized text.
    old = fresh("clip_old")
    (old / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (old / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    specials = {"bos_token": {"content": START, **flags}, "eos_token": {"content": END, **flags},
                "unk_token": {"content": END, **flags}, "pad_token": "!"}
    (old / "special_tokens_map.json").write_text(json.dumps(specials))
    (old / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 77, "do_lower_case": True, "errors": "replace"}))
    write_goldens(old, CLIPTokenizer.from_pretrained(old))


def train_sentencepiece(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=(t.lower() for t in corpus()), model_writer=model,
                                             minloglevel=2, num_threads=1, hard_vocab_limit=False, **options)
    return model.getvalue()


def siglip():
    folder = fresh("siglip")
    (folder / "spiece.model").write_bytes(train_sentencepiece(
        vocab_size=240, model_type="unigram", character_coverage=0.995, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        normalization_rule_name="nmt_nfkc"))
    token = {"lstrip": True, "normalized": False, "rstrip": True, "single_word": False, "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "added_tokens_decoder": {"1": {"content": "</s>", **token}, "2": {"content": "<unk>", **token}},
        "additional_special_tokens": [], "do_lower_case": True, "eos_token": "</s>", "model_input_names": ["input_ids"],
        "model_max_length": 64, "pad_token": "</s>", "tokenizer_class": "SiglipTokenizer", "unk_token": "<unk>"}))
    write_goldens(folder, SiglipTokenizer.from_pretrained(folder))


def siglip2():
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    backend = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # words, for training alone
    backend.train_from_iterator((t.lower() for t in corpus()), trainers.BpeTrainer(
        vocab_size=1200, special_tokens=specials + bytes_, limit_alphabet=90, show_progress=False))
    trained = json.loads(backend.to_str())
    trained["pre_tokenizer"] = json.loads(pre_tokenizers.Split(" ", "merged_with_previous").__getstate__())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    n = len(trained["model"]["vocab"])
    for extra in ("\n\n", "▁▁", "<h1>"):
        trained["model"]["vocab"][extra] = n
        n += 1
    trained["added_tokens"] = [{"id": trained["model"]["vocab"][t], "content": t, "special": t in specials, **flags}
                               for t in specials + ["\n\n", "▁▁", "<h1>"]]
    trained["post_processor"] = json.loads(processors.TemplateProcessing(
        single="$A <eos>", pair="$A <eos> $B:1 <eos>:1", special_tokens=[("<eos>", 1)]).__getstate__())
    folder = fresh("siglip2")
    (folder / "tokenizer.json").write_text(json.dumps(trained), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_eos_token": True, "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
        "unk_token": "<unk>", "model_max_length": 64, "padding_side": "right", "tokenizer_class": "Siglip2Tokenizer"}))
    write_goldens(folder, Siglip2Tokenizer.from_pretrained(folder))


class Siglip2SentencePiece:
    """SigLIP2's training rules over a Gemma-type tokenizer.model: specials apart, lower-case, cut, cut off, end."""

    def __init__(self, path):
        self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self._lower = normalizers.Lowercase()

    def __call__(self, text, truncation, max_length):
        ids = []
        for part in re.split("(<pad>|<eos>|<bos>|<unk>)", text):
            special = self._model.piece_to_id(part)
            ids += [special] if part and special < 4 and special != 3 or part == "<unk>" else (
                self._model.encode(self._lower.normalize_str(part)))
        self.input_ids = ids[:max_length - 1] + [1]
        return self


def siglip2_spm():
    folder = fresh("siglip2_spm")
    (folder / "tokenizer.model").write_bytes(train_sentencepiece(
        vocab_size=900, model_type="bpe", character_coverage=0.995, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
        pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>"))
    write_goldens(folder, Siglip2SentencePiece(folder / "tokenizer.model"))


def openclip():
    """open_clip's own tokenizer over the vocabulary of clip_old/, and its cleanings of the same texts.

    Texts that ftfy takes for wrongly decoded are left out: that repair is not followed."""
    import gzip
    import ftfy
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn
    merges = (HERE / "clip_old" / "merges.txt").read_text(encoding="utf-8").rstrip("\n")
    folder = fresh("openclip")
    packed = folder / "merges.gz"
    packed.write_bytes(gzip.compress(merges.encode()))
    tokenizer = SimpleTokenizer(bpe_path=str(packed))
    packed.unlink()
    vocabulary = json.loads((HERE / "clip_old" / "vocab.json").read_text(encoding="utf-8"))
    own = {START: "<start_of_text>", END: "<end_of_text>"}
    assert all(tokenizer.encoder[own.get(name, name)] == n for name, n in vocabulary.items())
    special = [
        "<start_of_text>a dog<end_of_text>", "a <start_of_text> b", "!<end_of_text>", "! <end_of_text>!", "<end_of_text",
        "<|startoftext|> a <|endoftext|>!!", "<START_OF_TEXT>", "R&amp;D &lt;b&gt; &eacute;t&eacute; &notit; &not &copy2020",
        "&amp;lt;&amp;amp;lt; &#233; &#xE9; &#x1F600; &#128; &#0; &#xD800; &#x110000; &#11; &#xFFFE; &#; &#x; &; & &a;",
        "1 < 2 &amp; 3", "first &amp; line\n<b> &amp; then\n&amp; after", "&amp;#38;amp; &ampamp; &ThickSpace; &CounterClockwiseContourIntegral;",
        "\u201ccurly\u201d \u2018quotes\u2019 \u02bcn \u201bx", "\ufb01ne \ufb02at \ufb03 \u0132 \u01c5 \u0149", "\uff46\uff55\uff4c\uff4c \uff77\uff9e \u3000 wide",
        "\x1b[36;44mblue\x1b[0m \x1b[x \x1b", "a\x00b\x08c\x0bd\x0ee\x1ff\x7fg\ufeffh\u206ai\ufff9j", "c1 \x80 \x85 \x9f \x81 end",
        "\u0130stanbul \u039f\u0394\u039f\u03a3 \u0391\u03a3.", "it'\u017f 'S 'LL don'\u017ft", "A_b__C snake_case, don't! (x)", "e\u0301 \u1100\u1161",
        "tabs\tand\r\nlines\rend\u2028x\u2029y"]
    rows = [t for t in special + texts() if ftfy.fix_text(t) == ftfy.fix_text(t, fix_encoding=False)]
    with open(folder / "goldens.jsonl", "w", encoding="utf-8") as out:
        for text in rows:
            row = {"text": text, **{kind: get_clean_fn(kind)(text) for kind in ("whitespace", "lower", "canonicalize")}}
            for context in CONTEXTS:
                whole = [vocabulary[START]] + tokenizer.encode(text)
                row[f"ids{context}"] = whole[:context - 1] + [vocabulary[END]]
                padded = tokenizer(text, context)[0].tolist()
                assert padded == row[f"ids{context}"] + [0] * (context - len(row[f"ids{context}"]))
            out.write(json.dumps(row) + "\n")
    print(folder.name, len(rows), "texts,", len(special) + len(texts()) - len(rows), "left out")


def published():
    """The golden ids known for CLIP's own vocabulary, by transformers' class over open_clip's copy of its merges."""
    import gzip
    import importlib.util
    package = Path(importlib.util.find_spec("open_clip").origin).parent  # found, not imported: its file is all we need
    merges = gzip.open(package / "bpe_simple_vocab_16e6.txt.gz").read().decode().split("\n")
    merges = [tuple(m.split()) for m in merges[1:49152 - 256 - 2 + 1]]
    letters = byte_letters()
    names = letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges] + [START, END]
    folder = HERE / "clip_published"
    folder.mkdir(exist_ok=True)
    CLIPTokenizer(vocab={name: n for n, name in enumerate(names)}, merges=merges, model_max_length=77).save_pretrained(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    known = {"a photo of a cat": [49406, 320, 1125, 539, 320, 2368, 49407],
             "Hello, World! 123": [49406, 3306, 267, 1002, 256, 272, 273, 274, 49407],
             "two dogs' toys — naïve café": [49406, 1237, 3255, 262, 7162, 2005, 1097, 35689, 563, 15304, 49407],
             "猫の写真": [49406, 163, 234, 104, 21575, 44653, 33440, 509, 49407],
             "it's  an   e-mail@x.y": [49406, 585, 568, 550, 324, 268, 2614, 287, 343, 269, 344, 49407]}
    for text, ids in known.items():
        assert tokenizer(text).input_ids == ids, (text, tokenizer(text).input_ids)
    write_goldens(folder, tokenizer)
    print("clip_published/ is for checking by hand; it is not committed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--published", action="store_true")
    arguments = parser.parse_args()
    clip()
    siglip()
    siglip2()
    siglip2_spm()
    openclip()
    if arguments.published:
        published()
