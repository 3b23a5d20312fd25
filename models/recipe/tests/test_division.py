"""The division of the pictures is sound, and the check that says so can fail."""

import data
import splits


def test_no_picture_near_copy_or_group_is_on_two_sides():
    assert splits.leaks(data.manifest(), splits.load()) == []


def test_committed_division_is_the_one_the_code_makes():
    assert splits.divide(data.manifest()) == splits.load()


def test_a_planted_leak_is_found():
    items, side = data.manifest(), splits.load()
    held = next(k for k, s in side.items() if s == "test")
    copy = dict(next(i for i in items if i["id"] == held), id="planted")
    assert splits.leaks([*items, copy], side | {"planted": "train"})


def test_excluded_pictures_have_no_side():
    side = splits.load()
    excluded = [i for i in data.manifest() if i["use"] == "exclude"]
    assert excluded and not any(i["id"] in side for i in excluded)


def test_unseen_style_never_trains():
    side = splits.load()
    hand = {side[i["id"]] for i in data.manifest() if i["source"] == splits.STYLE and i["use"] != "exclude"}
    assert hand <= {"style", "out"}
