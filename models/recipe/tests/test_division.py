"""The division of the pictures is sound, and the check that says so can fail."""

import pytest

import data
import splits


@pytest.fixture(scope="module")
def items():
    return [*data.manifest(), *data.more()]


@pytest.fixture(scope="module")
def side():
    return splits.load()


@pytest.fixture(scope="module")
def asked(items, side):
    return next(i for i in items if side.get(i["id"]) == "test" and splits.said(i["words"]))


def planted(**changes):
    """A further picture that has nothing to do with any other, but for `changes`."""
    return {"id": "planted", "source": "icons", "package": "p", "path": "q", "use": "more", "words": "planted picture",
            "near": [], "dup_cluster": -1, "split_group": -1} | changes


def test_no_picture_near_copy_or_group_is_on_two_sides(items, side):
    assert splits.leaks(items, side) == []


def test_committed_division_is_the_one_the_code_makes(side):
    base = splits.divide(data.manifest())
    assert base | splits.divide_more(data.manifest(), base, data.more()) == side


def test_a_planted_leak_is_found(items, side, asked):
    copy = dict(asked, id="planted")
    assert splits.leaks([*items, copy], side | {"planted": "train"})


def test_excluded_pictures_have_no_side(items, side):
    excluded = [i for i in items if i["use"] == "exclude"]
    assert excluded and not any(i["id"] in side for i in excluded)


def test_unseen_style_never_trains(items, side):
    hand = {side[i["id"]] for i in items if i["source"] == splits.STYLE and i["use"] != "exclude"}
    assert hand <= {"style", "out"}


def test_further_pictures_are_never_asked_about(side):
    sides = [side[m["id"]] for m in data.more()]
    assert set(sides) == {"train", "out"}


def test_a_further_picture_that_ties_to_nothing_trains(side):
    assert splits.divide_more(data.manifest(), side, [planted()]) == {"planted": "train"}


@pytest.mark.parametrize("tie", ("near copy", "cluster", "group", "caption", "caption in another order"))
def test_a_further_picture_tied_to_one_that_is_asked_about_stays_out_and_is_a_leak_inside(items, side, asked, tie):
    picture = planted(**{
        "near copy": {"near": [asked["id"]]}, "cluster": {"dup_cluster": asked["dup_cluster"]},
        "group": {"split_group": asked["split_group"]}, "caption": {"words": "the " + asked["words"] + "s"},
        "caption in another order": {"words": " ".join(reversed(asked["words"].split()))}}[tie])
    assert splits.divide_more(data.manifest(), side, [picture]) == {"planted": "out"}
    assert splits.leaks([*items, picture], side | {"planted": "train"})
