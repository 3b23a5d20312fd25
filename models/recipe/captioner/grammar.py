"""What a picture shows, as facts, and how it may be said: sentences of many forms, and ones that are false by one fact.

A sentence is a function of the facts and of `Choice`, the form it takes. The same choice for changed facts gives the false
sentence in the very form of the true one, so that nothing but the fact tells them apart.
"""

import re
from dataclasses import dataclass, replace

import scenes

NUMBERS = {2: "two", 3: "three", 4: "four"}
CHANGES = ("order", "count", "colour", "place", "object")
# Words of the forms below: they say nothing about what a picture shows.
FORM_WORDS = frozenset("a an the of and with in on at to its is are there one left right above below under over beneath top "
                       "bottom side next beside front behind before background against picture drawing image scene photo "
                       "emoji icon outline pair group them kind".split())
_DETERMINED = frozenset("one two three four five six seven eight nine ten many some several no".split())


@dataclass(frozen=True)
class Group:
    """`count` things of one name, all of one hue or of no hue that is said."""
    noun: str
    count: int = 1
    hue: str = ""


@dataclass(frozen=True)
class Facts:
    """One group, or two of which the first is left of the second, or above it.

    place   the caption of the background, "" when it is not to be said
    ground  the colour of a plain background, likewise
    style   what kind of picture it is: drawing, emoji, icon, outline, photo
    """
    groups: tuple
    beside: bool = True
    place: str = ""
    ground: str = ""
    style: str = "drawing"


@dataclass(frozen=True)
class Choice:
    """The form of a sentence, each a number in [0, 1): words before it, its order and relation, its end, its counts."""
    frame: float
    relation: float
    tail: float
    count: float


def choose(rng):
    return Choice(*rng.random(4).tolist())


def pick(share, options):
    """The option at `share` of the total weight of (weight, option) pairs."""
    at = share * sum(w for w, _ in options)
    for weight, option in options:
        at -= weight
        if at < 0:
            return option
    return options[-1][1]


_TAIL = re.compile(r" (?:of|with|in|on|at|from|by|under|over|seen|leading|inside|behind|climbing|between|through|close|"
                   r"playing|holding)\b.*|,.*")
_NO_PLURAL = re.compile(r"(?:ss|us|is|as|os|lens|news)$")
_NO_ARTICLE = frozenset("clothing equipment jewelry lightning rain snow food japan".split())


def head(noun):
    """The word that a noun phrase is about: "tracks" of "railroad tracks leading to the mountains"."""
    return _TAIL.sub("", noun).split()[-1]


def is_plural(noun):
    last = head(noun)
    return last.endswith("s") and not _NO_PLURAL.search(last)


def with_article(noun):
    """"a fox", "an owl", "bread", "two people": a noun as a sentence says it when nothing was said of it before."""
    about = head(noun)
    if noun.split()[0] in _DETERMINED or is_plural(noun) or about in _NO_ARTICLE or not scenes.countable(about):
        return noun
    return scenes.article(noun)


def phrase(group, count_form=0.0):
    """"a red apple", "two red apples", "a pair of red apples"."""
    said = f"{group.hue} {group.noun}".strip()
    if group.count == 1:
        return ("one " + said) if count_form > 0.9 else with_article(said)
    many = scenes.plural(said)
    if count_form > 0.88:
        return f"a pair of {many}" if group.count == 2 else f"a group of {NUMBERS[group.count]} {many}"
    return f"{NUMBERS[group.count]} {many}"


_BESIDE = ((5, "{a} left of {b}"), (5, "{a} to the left of {b}"), (5, "{b} right of {a}"), (5, "{b} to the right of {a}"),
           (4, "{a} on the left and {b} on the right"), (2, "{b} with {a} on the left"), (2, "{a} with {b} on the right"),
           (2, "{a} on the left side of {b}"))
_STACKED = ((6, "{a} above {b}"), (6, "{b} below {a}"), (3, "{a} over {b}"), (3, "{b} under {a}"),
            (4, "{a} at the top and {b} at the bottom"), (1, "{b} beneath {a}"), (2, "{b} with {a} above"),
            (2, "{a} with {b} below"))
_PLACE = ((6, "in front of {p}"), (3, "with {p} in the background"), (2, "with {p} behind"), (1, "before {p}"))
_GROUND = ((4, "on a {c} background"), (1, "against a {c} background"))
_SCENE = ((7, ""), (1.6, "a picture of "), (0.8, "an image of "), (0.8, "a scene with "), (1.4, "there {is} "))


def _tail(facts, choice):
    if facts.place:
        return " " + pick(choice.tail, _PLACE).format(p=with_article(facts.place))
    if facts.ground:
        c = facts.ground
        return " " + pick(choice.tail, _GROUND).format(c=c).replace("a orange", "an orange")
    return ""


def say(facts, choice):
    """A sentence that is true of a composed scene."""
    a = phrase(facts.groups[0], choice.count)
    if len(facts.groups) == 2:
        b = phrase(facts.groups[1], choice.count)
        form = pick(choice.relation, _BESIDE if facts.beside else _STACKED)
        said, first = form.format(a=a, b=b), facts.groups[form.startswith("{b}")]
    else:
        said, first = a, facts.groups[0]
    return pick(choice.frame, _SCENE).format(**{"is": "is" if first.count == 1 else "are"}) + said + _tail(facts, choice)


def say_one(facts, choice):
    """A sentence for a picture of one thing: a file as it comes, not a scene."""
    group = facts.groups[0]
    said = with_article(f"{group.hue} {group.noun}".strip())
    kind = with_article(facts.style)
    before = pick(choice.frame, ((3, ""), (5, f"{kind} of "), (1, "a picture of "), (0.5, "an image of ")))
    return before + said + _tail(facts, choice)


def changed(facts, change, rng, nouns=(), places=()):
    """Facts that differ in one way which a sentence says, or None when these facts have nothing of the kind."""
    groups = list(facts.groups)
    at = int(rng.integers(len(groups)))
    if change == "order":
        return replace(facts, groups=tuple(groups[::-1])) if len(set(groups)) == 2 else None
    if change == "count":
        if scenes.plural(groups[at].noun) == groups[at].noun or not scenes.countable(groups[at].noun):
            return None
        most = 3 if len(groups) == 2 else 4
        count = int(rng.choice([n for n in range(1, most + 1) if n != groups[at].count]))
        groups[at] = replace(groups[at], count=count)
    elif change == "colour":
        hued = [n for n, g in enumerate(groups) if g.hue]
        if not hued:
            return None
        if len(hued) == 2 and groups[0].hue != groups[1].hue and rng.random() < 0.5:
            groups = [replace(g, hue=h.hue) for g, h in zip(groups, groups[::-1])]
        else:
            at = int(rng.choice(hued))
            groups[at] = replace(groups[at], hue=str(rng.choice([c for c in scenes.COLOURS if c != groups[at].hue])))
    elif change == "place":
        others = [p for p in places if p != facts.place]
        return replace(facts, place=str(rng.choice(others))) if facts.place and others else None
    else:
        used = {w for g in groups for w in g.noun.split()}
        noun = str(rng.choice(nouns))
        if used & set(noun.split()):
            return None
        groups[at] = replace(groups[at], noun=noun)
    return replace(facts, groups=tuple(groups))
