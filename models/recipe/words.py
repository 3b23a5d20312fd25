"""From a caption to the words it says and the kinds of thing it names.

Needs the data files of WordNet 3.0 (package wordnet-base): a word's hypernyms ("camel" -> "animal") become words of
the picture too, because nobody writes "animal" under a drawing of a camel, yet people search for it.
"""

import functools
import re
from pathlib import Path

STOP = set("a an the of and or in on at to for with from by is are be it its his her their your my this that as into "
           "no not very some any all one's s t clipart clip art drawing picture photo icon image symbol version "
           "simple small large big little plain set type".split())
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
# Too general to tell one picture from another, or a side path of WordNet's tree.
_VAGUE = set("entity physical_entity abstraction object whole thing matter causal_agent physical_object unit part "
             "artifact instrumentality psychological_feature attribute relation measure group state event act "
             "communication definite_quantity indefinite_quantity fundamental_quantity amount organism living_thing "
             "substance content signal way activity chordate vertebrate placental domestic_animal cognition "
             "information property shape process solid natural_object body_part region location area line "
             "structure written_communication auditory_communication linguistic_unit male female creation "
             "containerful implementation collection arrangement commodity consumer_goods facility "
             "reproductive_structure plant_organ plant_part vascular_plant craft conveyance foodstuff nutriment "
             "food_product durables ware expressive_style enclosure change happening self-propelled_vehicle "
             "wheeled_vehicle eutherian causal_agency somebody ungulate even-toed_ungulate good unit_of_measurement "
             "surface opening covering obstruction supporting_structure "
             "produce edible_fruit point social_group organization symbol representation".split())


def tokens(text):
    """Lower-case words of a text, in order; digits and punctuation are not words."""
    return re.findall(r"[a-zà-ÿ]+", text.lower().replace("'s", ""))


class WordNet:
    """The noun part of WordNet: lemmas and first-sense hypernyms."""

    def __init__(self, folder):
        folder = Path(folder)
        self._synsets, self._senses, self._exceptions = {}, {}, {}
        for line in (folder / "data.noun").read_text(encoding="latin-1").splitlines():
            if line.startswith(" "):
                continue
            f = line.split(" ")
            count = int(f[3], 16)
            names = [f[4 + 2 * i].lower() for i in range(count)]
            at = 4 + 2 * count
            parents = [f[at + 2 + 4 * k] for k in range(int(f[at])) if f[at + 1 + 4 * k] in ("@", "@i")]
            self._synsets[f[0]] = (names, parents, f[1])
        for line in (folder / "index.noun").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" "):
                f = line.split()
                self._senses[f[0]] = f[-int(f[2]):]
        for line in (folder / "noun.exc").read_text(encoding="latin-1").splitlines():
            inflected, base = line.split()[:2]
            self._exceptions[inflected] = base

    @functools.lru_cache(maxsize=None)
    def lemma(self, word):
        """Singular of a noun; other words come back as they are."""
        if word in self._exceptions:
            return self._exceptions[word]
        if word in self._senses and not word.endswith("s"):
            return word
        for suffix, base in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ses", "s"), ("s", "")):
            if word.endswith(suffix) and word[:-len(suffix)] + base in self._senses and len(word) > 3 \
                    and not word.endswith("ss"):
                return word[:-len(suffix)] + base
        return word

    @functools.lru_cache(maxsize=None)
    def hypernyms(self, phrase):
        """Kinds of thing that a noun or compound names in its first concrete sense, nearest first."""
        senses = self._senses.get(phrase.replace(" ", "_"), [])
        concrete = [s for s in senses if self._synsets[s][2] in ("05", "06", "13", "17", "18", "20")]
        if not concrete:
            return ()
        chain, todo, seen = [], [concrete[0]], set()
        while todo:
            names, parents, _ = self._synsets[todo.pop(0)]
            if names[0] not in seen and names[0] not in _VAGUE:
                seen.add(names[0])
                chain.append(names[0].replace("_", " "))
            todo += parents[:2]
        return tuple(c for c in chain if c != phrase)

    def words(self, text):
        """Content words of a text, singular, in order, each once."""
        return list(dict.fromkeys(self.lemma(w) for w in tokens(text) if w not in STOP and len(w) > 1))

    def kinds(self, text):
        """Hypernyms of the thing a caption is about: its longest trailing compound that WordNet knows."""
        words = [self.lemma(w) for w in tokens(re.split(r" (?:of|with|in|on|at|from) |,", text)[0])]
        for start in range(len(words)):
            found = self.hypernyms(" ".join(words[start:]))
            if found:
                return list(found)
        return []
