"""A pair of scenes differs in one thing, and its sentences say which."""

import numpy as np
import pytest

from catalogue import Item
from scenes import PLACES, SceneMaker


class Words:
    """Stands in for WordNet."""

    def words(self, text):
        return text.split()


def thing(name, rgb):
    pixels = np.zeros((60, 60, 4), np.uint8)
    pixels[10:50, 10:50] = (*rgb, 255)
    return Item(name, "test", "train", name, [], [name], pixels, "drawing", 0, tags=frozenset((name,)))


THINGS = {"cat": (200, 30, 30), "dog": (30, 200, 30), "bus": (30, 30, 200), "cup": (200, 200, 20)}


@pytest.fixture
def pairs():
    maker, rng = SceneMaker([thing(n, c) for n, c in THINGS.items()], [], Words(), 96), np.random.default_rng(7)
    return [maker.pair(rng) for _ in range(60)]


def test_both_scenes_of_a_pair_look_and_read_differently(pairs):
    for one, two in pairs:
        assert np.any(np.asarray(one.image) != np.asarray(two.image))
        assert one.text != two.text


def test_sentence_agrees_with_the_places(pairs):
    for scene in (s for pair in pairs for s in pair):
        first, second = (item.caption for _, item in scene.places)
        begin = scene.text.index(first) < scene.text.index(second)
        relation = next(r for r in ("left of", "right of", "above", "below") if r in scene.text)
        assert begin == (relation in ("left of", "above"))
        assert {place for place, _ in scene.places} == set(PLACES[:2] if relation.endswith("of") else PLACES[2:])


def test_what_is_said_to_be_left_is_painted_left(pairs):
    for scene in (s for pair in pairs for s in pair if s.places[0][0] == "left"):
        (_, first), (_, second) = scene.places
        if scene.text.split()[1] not in THINGS:  # its colours were changed
            continue
        pixels = np.asarray(scene.image).astype(int)
        centre = [np.argwhere(np.abs(pixels - THINGS[i.caption]).sum(-1) < 30)[:, 1].mean() for i in (first, second)]
        assert centre[0] < centre[1]


def test_the_false_sentence_has_the_same_words_and_another_meaning(pairs):
    turned = {"left": "right", "right": "left", "above": "below", "below": "above"}
    for scene in (s for pair in pairs for s in pair):
        false, text = scene.wrong["order"][0], scene.text
        assert false != text
        swapped = [turned.get(w, w) for w in text.split()]
        assert sorted(false.split()) in (sorted(text.split()), sorted(swapped))
