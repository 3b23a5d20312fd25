"""Build both towers in closed form from the training pictures: the published model, and the start for train.py.

    python start.py --cache DIR --run DIR/run      # about five minutes on two idle cores

1. Every training picture twice (as its file, and composed on a plain background) and SCENES composed scenes.
2. Patch features of all of them (construct.stem).
3. What each shows, as scores of words; every word's column is standardised, or rare words would never be heard.
4. The answer space: four directions for the counts, and 140 principal directions of the word scores that a ridge
   regression from the features predicts. A sentence's answer is the sum of its words' directions.
5. One ridge regression from features to answers becomes the heads (construct.finish_vision), one from tokens to
   answers becomes the token vectors (construct.construct_text).

The result is written as a checkpoint of step 0.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import batches
import catalogue
import compose
import construct
import evaluate
from model import Clip, Shape
from scenes import SceneMaker, plural

SCENES, SCENE_WEIGHT = 1500, 0.7
COUNTS = ("one", "two", "three", "four")
READ_ON = 1500, 500  # single pictures and scenes on which the class token's reading is fitted


def composed_view(item, side, rng):
    """A second look at a picture: a crop of a photo, a cut-out placed on a plain background."""
    if item.photo:
        return compose.random_crop(item.pixels, side, rng, 0.6)
    return compose.single(item, side, rng, compose.plain_background(side, rng, "white"))


def word_scores(train, wordnet, tags):
    """[n, V] 1 for words of the caption, 0.5 for other words of the picture, as given."""
    scores = np.zeros((len(train), len(tags)), np.float32)
    for row, item in enumerate(train):
        said = set(wordnet.words(item.caption))
        for tag in item.tags & tags.keys():
            scores[row, tags[tag]] = 1.0 if tag in said else 0.5
    return scores


def scene_scores(made, wordnet, tags):
    """[n, V] the same for scenes, whose colours and counts are painted and therefore sure."""
    scores = np.zeros((len(made), len(tags)), np.float32)
    for row, scene in enumerate(made):
        said = {w for item in scene.items for w in wordnet.words(item.caption)} | set(wordnet.words(scene.text))
        for tag in (scene.tags | said) & tags.keys():
            scores[row, tags[tag]] = 1.0 if tag in said else 0.4
    return scores


def answer_space(features, scores, tags):
    """[V, CONTENT] orthonormal directions: counts first, then what can be predicted best."""
    flat = features.flatten(1)
    flat = flat - flat.mean(0)
    gram = (flat.T @ flat).double()
    gram.diagonal().add_(0.5 * gram.diagonal().mean())
    weights = torch.linalg.solve(gram, (flat.T @ scores).double()).float()
    predicted = flat[:6000] @ weights
    _, directions = torch.linalg.eigh(predicted.T @ predicted)
    counts = torch.zeros(len(tags), len(COUNTS))
    for column, word in enumerate(COUNTS):
        counts[tags[word], column] = 1
    best = directions[:, -(construct.CONTENT - len(COUNTS)):].flip(1)
    return torch.linalg.qr(torch.cat([counts, best], 1))[0]


def sentences_to_learn(train, made, wordnet, tags, directions):
    """{sentence: answer} for captions, keywords, kinds, single words, plurals and scenes."""
    found = {}

    def add(text):
        columns = [tags[w] for w in wordnet.words(text) if w in tags]
        if columns:
            found[text] = directions[columns].sum(0)
    for tag in tags:
        add(tag)
        add("a " + tag)
    for item in train:
        for text in (item.caption, "a drawing of " + item.caption, *item.keywords[:4], *item.kinds):
            add(text)
        if item.pasteable:
            add("two " + plural(item.caption))
    for scene in made:
        add(scene.text)
    return found


def tensor_of(pictures):
    return evaluate.normalised(torch.from_numpy(np.stack([np.asarray(p) for p in pictures])))


def build(items, wordnet, tokenizer_file, seed):
    """The whole of it -> Clip."""
    rng, model = np.random.default_rng(seed), Clip(Shape()).eval()
    side, train = model.shape.image, [i for i in items if i.side == "train"]
    tags = batches.tag_vocabulary(train)
    backgrounds = [i for i in train if i.source == "photos-hand"]
    maker = SceneMaker([i for i in train if i.pasteable], backgrounds, wordnet, side)
    made = [maker.make(rng) for _ in range(SCENES)]
    plain = tensor_of([evaluate.flattened(i, side) for i in train])
    second = tensor_of([composed_view(i, side, rng) for i in train])
    painted = tensor_of([s.image for s in made])
    generator = torch.Generator().manual_seed(seed)
    codes = construct.stem(model, plain, generator)
    features = construct.patch_features(model, torch.cat([plain, second]))
    in_scenes = construct.patch_features(model, painted)

    scores, seen = word_scores(train, wordnet, tags), scene_scores(made, wordnet, tags)
    mean, spread = scores.mean(0), scores.std(0) + 1e-6
    standard = torch.from_numpy((scores - mean) / spread)
    directions = answer_space(features, torch.cat([standard, standard]), tags)
    usual = np.where(seen.mean(0) > 5 * mean, seen.mean(0), mean)  # painted words are far commoner in scenes
    answers = torch.cat([standard, standard, torch.from_numpy((seen - usual) / np.maximum(spread, 0.05))]) @ directions
    weights = torch.cat([torch.ones(len(features)), torch.full((len(made),), SCENE_WEIGHT)])
    maps = construct.solve(torch.cat([features, in_scenes]), answers, weights)

    some = torch.from_numpy(rng.permutation(len(train))[:READ_ON[0]])
    construct.finish_vision(model, codes, torch.cat([features[some], in_scenes[:READ_ON[1]]]), maps,
                            torch.cat([plain[some], painted[:READ_ON[1]]]))
    wanted = sentences_to_learn(train, made, wordnet, tags, directions)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(model.shape.context)
    tokenizer.enable_padding(pad_id=model.shape.eos, pad_token="<|endoftext|>")
    ids = torch.tensor([c.ids for c in tokenizer.encode_batch(list(wanted))])
    construct.construct_text(model, ids, torch.stack(list(wanted.values())))
    return model


def main():
    from train import tokenizer_for
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    items, wordnet = catalogue.load(options.cache)
    print(f"seed {options.seed}", flush=True)
    torch.manual_seed(options.seed)
    model = build(items, wordnet, tokenizer_for(options.run, items), options.seed)
    torch.save({"mean": model.state_dict(), "step": 0}, options.run / "start.pt")


if __name__ == "__main__":
    main()
