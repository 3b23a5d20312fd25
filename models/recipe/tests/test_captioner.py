"""The captioner's sentences are true where they say so, false where they say so, and its layout is BLIP's."""

import numpy as np
import pytest
import torch

from captioner import batches, evaluate, export, grammar, tokens, train
from captioner.grammar import Choice, Facts, Group
from captioner.model import Captioner, Shape, normalised

FORMS = [Choice(*rng) for rng in np.random.default_rng(3).random((400, 4)).tolist()]
TWO = Facts((Group("apple", 2, "red"), Group("dog")), True, "a beach with palm trees".removeprefix("a "))


def test_sentences_take_many_forms():
    assert len({grammar.say(TWO, c) for c in FORMS}) > 60


@pytest.mark.parametrize("beside, first, second", ((True, "left", "right"), (False, "above", "below")))
def test_order_is_said_of_the_right_one(beside, first, second):
    facts = Facts((Group("cat"), Group("dog")), beside)
    relations = {"left": 0, "right": 1, "above": 0, "over": 0, "at the top and": 0, "below": 1, "under": 1, "beneath": 1}
    told = set()
    for choice in FORMS:
        sentence = grammar.say(facts, choice)
        for word, who in relations.items():
            for form in (f"cat {word} of a dog", f"cat to the {word} of a dog", f"cat {word} a dog"):
                if form in sentence.replace("one ", "a "):
                    told.add(word)
                    assert who == 0, sentence
            for form in (f"dog {word} of a cat", f"dog to the {word} of a cat", f"dog {word} a cat"):
                if form in sentence.replace("one ", "a "):
                    told.add(word)
                    assert who == 1, sentence
    assert {first, second} <= told


@pytest.mark.parametrize("change", grammar.CHANGES)
def test_a_changed_fact_changes_the_sentence_and_nothing_else(change):
    rng, asked = np.random.default_rng(1), 0
    for choice in FORMS:
        other = grammar.changed(TWO, change, rng, ["violin", "crab"], ["a lawn"])
        if other is None:
            continue
        asked += 1
        true, false = grammar.say(TWO, choice), grammar.say(other, choice)
        assert true != false
        if change == "order":
            assert sorted(true.replace("are", "is").split()) == sorted(false.replace("are", "is").split())
        else:
            assert other.groups[1:] == TWO.groups[1:] or other.groups[:1] == TWO.groups[:1]
    assert asked > 300


def test_facts_that_are_not_said_cannot_be_changed():
    rng = np.random.default_rng(2)
    plain = Facts((Group("cat"),))
    assert all(grammar.changed(plain, c, rng, ["dog"], ["a lawn"]) is None for c in ("order", "colour", "place"))


def test_articles_and_plurals():
    said = lambda noun, count=1: grammar.phrase(Group(noun, count))
    assert [said("owl"), said("binoculars"), said("bread"), said("bus")] == ["an owl", "binoculars", "bread", "a bus"]
    assert said("knife", 3) == "three knives"
    assert grammar.with_article("railroad tracks leading to the mountains").startswith("railroad")


def test_a_mate_differs_in_its_fact_alone_and_in_its_pixels():
    from captioner.painter import SIDE, Painter
    from catalogue import Item
    disc = np.zeros((60, 60, 4), np.uint8)
    y, x = np.ogrid[:60, :60]
    disc[(y - 30) ** 2 + (x - 30) ** 2 < 700] = (200, 40, 40, 255)
    box = np.full((50, 60, 4), (40, 40, 220, 255), np.uint8)
    post = np.full((90, 20, 4), (40, 160, 40, 255), np.uint8)
    item = lambda name, pixels: Item(name, "s", "train", name, [], [], pixels, "k", 0, frozenset([name]), pasteable=True)
    maker, rng = Painter([item("disc", disc), item("box", box), item("post", post)], [], None), np.random.default_rng(0)
    maker._wordnet = type("None", (), {"words": lambda self, text: []})()
    pairs = [p for p in (maker.scene(rng, mated=True) for _ in range(60)) if len(p) == 2]
    assert len(pairs) > 20
    for one, two in pairs:
        assert one.facts != two.facts and one.image.size == (SIDE, SIDE)
        assert np.any(np.asarray(one.image) != np.asarray(two.image))
        assert one.facts.beside == two.facts.beside and one.facts.ground == two.facts.ground


def test_the_thing_of_a_caption():
    assert evaluate.thing("an emoji of a red car on a blue background") == "red car"
    assert evaluate.thing("there is one dog in front of a beach with palm trees") == "dog"
    assert evaluate.agreement("a drawing of a red car", "car") == (True, 1.0)
    assert evaluate.agreement("a red car", "blue car") == (False, 0.5)


@pytest.fixture(scope="module")
def words():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [*tokens.SPECIAL, *letters, *("##" + c for c in letters), *(f"w{n}" for n in range(3000))]
    return tokens.from_words([*pieces[:tokens.VOCABULARY - 2], "[DEC]", "[ENC]"])


@pytest.fixture(scope="module")
def directory(words, tmp_path_factory):
    run, out = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("out")
    torch.manual_seed(4)
    model = Captioner(Shape())
    for p in model.parameters():
        p.data += 0.02 * torch.randn_like(p)
    tokens.write(run, words)
    export.write(model, run, out)
    return out


def test_what_is_written_is_read_back(directory):
    held = export.published(export.load(directory))
    from safetensors.torch import load_file
    for name, tensor in load_file(directory / "model.safetensors").items():
        assert torch.equal(held[name], tensor.float()), name


def test_both_classes_of_transformers_say_what_our_model_says(directory):
    from transformers import AutoProcessor, BlipForConditionalGeneration, BlipForImageTextRetrieval
    ours, processor = export.load(directory), AutoProcessor.from_pretrained(directory)
    pixels = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    writer = BlipForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()
    ids = writer.generate(pixel_values=pixels, max_new_tokens=12, do_sample=False)[:, 1:].tolist()
    mine = ours.caption(pixels, longest=12)
    assert [row[:len(m)] for row, m in zip(ids, mine)] == mine
    text = processor(text=["w1 w2 w3", "w7"], return_tensors="pt", padding=True)
    matcher = BlipForImageTextRetrieval.from_pretrained(directory, dtype=torch.float32).eval()
    lengths = text["attention_mask"].sum(1)
    with torch.no_grad():
        picture = ours.vision(pixels)
        scores = ours.match(text["input_ids"], lengths, ours.text.seen(picture))
        cosines = ours.image_vector(picture) @ ours.text_vector(text["input_ids"], lengths).T
        # Both sides compute in float32 from one set of float16 weights; only the order of additions differs.
        assert torch.allclose(matcher(**text, pixel_values=pixels).itm_score, scores, atol=1e-5)
        assert torch.allclose(matcher(**text, pixel_values=pixels, use_itm_head=False).itm_score, cosines, atol=1e-5)


def test_pictures_are_prepared_as_published(directory):
    from PIL import Image
    from transformers import AutoProcessor
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    theirs = AutoProcessor.from_pretrained(directory)(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    assert torch.allclose(theirs, normalised(torch.from_numpy(picture)[None]), atol=1e-5)


def batch_of_three():
    """A picture with its mate, and another; the second text is true of the first picture too."""
    ids = torch.tensor([[tokens.CLS, 40, 41, tokens.SEP], [tokens.CLS, 41, 40, tokens.SEP], [tokens.CLS, 50, tokens.SEP, 0]])
    lengths = torch.tensor([4, 4, 3])
    return {"pixels": torch.randint(0, 256, (3, 96, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5)),
            "caption": ids, "c_length": lengths, "text": ids, "t_length": lengths, "false": ids[[1, 0, 0]],
            "f_length": torch.tensor([4, 4, 4]), "has_false": torch.tensor([True, True, False]),
            "mate": torch.tensor([1, 0, -1]), "true": torch.eye(3, dtype=torch.bool)}


def test_padding_changes_no_loss():
    torch.manual_seed(6)
    model, batch = Captioner(Shape()).eval(), batch_of_three()
    longer = dict(batch)
    for name in ("caption", "text", "false"):
        longer[name] = torch.nn.functional.pad(batch[name], (0, 3), value=tokens.PAD)
    found = []
    for b in (batch, longer):
        torch.manual_seed(7)
        terms = train.losses(model, b, 96)
        found.append([float(t.detach()) for t in terms.values()])
    assert np.allclose(*found, atol=1e-5)


def test_a_few_steps_learn_a_batch_by_heart():
    torch.manual_seed(8)
    model, batch = Captioner(Shape()), batch_of_three()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seen = []
    for _ in range(25):
        terms = train.losses(model, batch, 64)
        optimiser.zero_grad()
        sum(t for n, t in terms.items() if n != "right").backward()
        optimiser.step()
        seen.append(float(terms["write"].detach()))
    assert seen[-1] < 0.3 * seen[0]


def test_a_mate_of_which_the_sentence_may_be_true_is_no_negative():
    class Shard:
        """Two mates that differ in who has which colour; the sentence of the first leaves the colours out."""
        first, captions, trues = np.array([0, 1, 2]), np.array([1, 1]), np.array([1, 1])
        ids, length = np.tile(np.array([tokens.CLS, 40, tokens.SEP] + [0] * 29, np.uint16), (2, 1)), np.array([3, 3])
        mate, hued, coloured = np.array([1, -1]), np.array([True, True]), np.array([False, True])
        pixels = np.zeros((2, 96, 96, 3), np.uint8)
        units = np.array([0])

        def said_of(self, n):
            return np.array([0])

        def shown_in(self, n):
            return np.array([0, 1])
    batch = next(iter(batches.Stream([Shard()], 2, 2, 1)))
    assert batch["mate"].tolist() == [-1, 0]
    assert batch["true"].tolist() == [[True, False], [True, True]]
