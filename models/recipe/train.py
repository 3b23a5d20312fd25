"""Train both towers on a budget of minutes, from the start that start.py gives, or from published weights.

    python train.py --cache DIR --run DIR/run --minutes 75

The schedule follows the share of the time budget that is spent, not a step count, so a run always ends annealed,
however busy the machine. Killed, it is started again by the same command: checkpoints hold weights, their running
mean, optimisers, random state, step and time spent, and are renamed into place.
"""

import argparse
import json
import math
import os
import shutil
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import catalogue
import evaluate
import export
import splits
import tokenizer as bpe
from batches import Batches
from data import manifest, more
from model import Clip, Shape
from helpers import Helpers
from muon import Muon
from scenes import plural
from start import start_vision

WARMUP = 0.03       # share of the budget
# (until this share of the budget, px): small pictures first, at about half the price (progressive resizing). Rounds 1 to 6
# had 64 px and then 96 px.
STAGES = ((0.3, 96), (1.01, 128))
MEAN_DECAY = 0.998  # of the running mean of the weights, a step


def side_at(progress):
    """Side of the training pictures in px at this share of the budget."""
    return next(side for until, side in STAGES if progress < until)


def rate(progress):
    """Learning-rate factor: short warm-up, then a cosine to nearly nothing."""
    if progress < WARMUP:
        return progress / WARMUP + 0.02
    done = min(1.0, (progress - WARMUP) / (1 - WARMUP))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def losses(model, helpers, batch, side):
    """The six terms, each a mean over what it asks:

    image   which of the M sentences are true of the picture (softmax, several may be); its own false ones stand among them
    text    which of the B pictures a sentence is true of (the same, the other way)
    false   the picture's own sentence against its false ones
    words   which words of the list a picture shows and a sentence says
    places  which words a scene shows, and its sentence says, at one place
    sketch  the picture's colours and edges
    """
    truth, owner = batch["truth"], batch["owner"]
    b, m = truth.shape
    pixels = evaluate.normalised(batch["pixels"])
    if side != pixels.shape[-1]:
        pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    state = model.vision_model(pixels)
    image = F.normalize(model.visual_projection(state), dim=-1)
    text = sentences(model, batch["ids"])
    scale = model.logit_scale.exp().clamp(max=100)
    scores = scale * image @ text[:m].T
    scores = scores.masked_fill(truth < 0, -1e4)
    wanted = (truth > 0).float()
    own = torch.zeros_like(wanted)
    own[:, :b] = torch.eye(b, device=own.device)
    # Half of the target is the picture's own sentence, half is shared by everything true of it.
    target = 0.5 * own + 0.5 * wanted / wanted.sum(1, keepdim=True)
    false = scale * (image[owner] * text[m:]).sum(1)
    own_false = torch.full((b, int(batch["slot"].max()) + 1), -1e4, device=scores.device, dtype=scores.dtype)
    own_false = own_false.index_put((owner, batch["slot"]), false.to(scores.dtype))
    to_text = -(target * torch.cat([scores, own_false], 1).log_softmax(1)[:, :m]).sum(1).mean()
    asked = wanted.sum(0) > 0
    columns = wanted[:, asked]
    to_image = -(columns / columns.sum(0) * scores[:, asked].log_softmax(0)).sum(0).mean()
    margin = scores[owner, owner] - false
    spoken = helpers.words(torch.cat([image, text[:m]])).log_softmax(1)
    per_row = -(batch["words"] * spoken).sum(1)
    where, place = batch["where"], batch["place"]
    at = helpers.words_at(torch.cat([image[where], text[where]]), place.repeat(2)).log_softmax(1)
    return {"image": to_text, "text": to_image, "false": F.softplus(-margin).mean(),
            "places": -(batch["there"].repeat(2, 1) * at).sum(1).mean(),
            "words": per_row[:b].mean() + 0.5 * per_row[b:].mean(), "sketch": helpers.sketch(state, pixels)}


def sentences(model, ids):
    """Unit text vectors; the batch is cut in three by length, so that short sentences pay for no padding."""
    lengths = (ids == model.shape.eos).int().argmax(1) + 1
    order = lengths.argsort()
    parts = [model.text(ids[part][:, :int(lengths[part].max())]) for part in order.chunk(3)]
    return torch.cat(parts)[order.argsort()]


def tokenizer_for(run, items):
    """The run's tokenizer, learned from what training pictures are called, scenes included."""
    if not (run / "tokenizer.json").exists():
        train = [i for i in items if i.side == "train"]
        texts = [" ".join([i.caption, *i.keywords, *i.kinds]) for i in train]
        texts += [f"two {plural(i.caption)}" for i in train if i.pasteable]
        texts += ["a photo of a drawing of a picture of one two three four left of right of above below and in front "
                  "of red orange yellow green blue purple pink brown black white gray background"] * 50
        bpe.write(run, bpe.learn(texts), Shape().context)
    return run / "tokenizer.json"


def optimisers(model, helpers, lr_muon, lr_adam, kind):
    """Muon for the matrices inside the blocks, AdamW for everything else; only matrices decay."""
    matrices = [p for n, p in model.named_parameters() if ".layers." in n and p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in [*model.parameters(), *helpers.parameters()] if id(p) not in inside]
    return [Muon(matrices, lr=lr_muon, weight_decay=0.02, kind=kind),
            torch.optim.AdamW([{"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.05},
                               {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0}],
                              lr=lr_adam, betas=(0.9, 0.98))]


class Run:
    """Everything that a checkpoint holds."""

    def __init__(self, options, tags):
        torch.manual_seed(options.seed)
        self.device = torch.device(options.device)
        self.model = Clip(Shape(), drop=options.drop).to(self.device)
        self.helpers = Helpers(Shape(), tags).to(self.device)
        self.mean = {n: p.detach().clone() for n, p in self.model.state_dict().items()}
        self.optimisers = optimisers(self.model, self.helpers, options.lr_muon, options.lr_adam,
                                     torch.bfloat16 if options.amp == "bf16" else torch.float32)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["peak"] = group["lr"]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=options.amp == "fp16")
        self.step, self.elapsed, self.drawn = 0, 0.0, 0

    def state(self):
        return {"model": self.model.state_dict(), "helpers": self.helpers.state_dict(), "mean": self.mean,
                "optimisers": [o.state_dict() for o in self.optimisers], "scaler": self.scaler.state_dict(),
                "random": torch.get_rng_state(), "step": self.step, "elapsed": self.elapsed, "drawn": self.drawn}

    def save(self, folder):
        torch.save(self.state(), folder / "checkpoint.part")
        os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")

    def restore(self, folder):
        if not (folder / "checkpoint.pt").exists():
            return False
        saved = torch.load(folder / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.helpers.load_state_dict(saved["helpers"])
        self.mean = saved["mean"]
        for optimiser, state in zip(self.optimisers, saved["optimisers"]):
            optimiser.load_state_dict(state)
        self.scaler.load_state_dict(saved["scaler"])
        torch.set_rng_state(saved["random"].cpu())
        self.step, self.elapsed, self.drawn = saved["step"], saved["elapsed"], saved["drawn"]
        print(f"resumed at step {self.step}, {self.elapsed / 60:.1f} minutes spent", flush=True)
        return True

    def update(self, batch, progress, amp):
        """One optimiser step on one batch; returns the loss terms as floats."""
        factor = rate(progress)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
            optimiser.zero_grad(set_to_none=True)
        kind = {"off": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]
        with torch.autocast(self.device.type, dtype=kind, enabled=amp != "off"):
            terms = losses(self.model, self.helpers, batch, side_at(progress))
            total = terms["image"] + terms["text"] + terms["false"] + terms["words"] + 0.3 * terms["places"] \
                + (1 - progress) * terms["sketch"]
        self.scaler.scale(total).backward()
        for optimiser in self.optimisers:
            self.scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        self.step += 1
        self.drawn += len(batch["pixels"])
        decay = min(MEAN_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)
        return {n: float(t.detach()) for n, t in terms.items()}

    def mean_model(self):
        """The model with the running mean of its weights: what is evaluated and published."""
        model = Clip(Shape()).to(self.device)
        model.load_state_dict(self.mean)
        return model.eval()


def options_of():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True, help="folder made by data.py")
    parser.add_argument("--run", type=Path, required=True, help="folder for the tokenizer, log and checkpoint")
    parser.add_argument("--continue-from", type=Path, help="a published model directory to start from")
    parser.add_argument("--minutes", type=float, default=75, help="time budget, spent over all restarts together")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr-muon", type=float, default=0.02)
    parser.add_argument("--lr-adam", type=float, default=2e-3)
    parser.add_argument("--drop", type=float, default=0.05, help="stochastic depth of the last block")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--amp", choices=("off", "bf16", "fp16"), default="off", help="mixed precision, for a GPU")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ask-every", type=float, default=12, help="minutes between validations")
    return parser.parse_args()


def main():
    options = options_of()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    options.run.mkdir(parents=True, exist_ok=True)
    items, wordnet = catalogue.load(options.cache)
    wrong = splits.leaks([*manifest(), *more()], splits.load())
    if wrong:
        raise SystemExit("the division leaks: " + wrong[0])
    if options.continue_from:
        for name in export.TOKENIZER_FILES:
            shutil.copyfile(options.continue_from / name, options.run / name)
    file = tokenizer_for(options.run, items)
    stream = Batches(items, wordnet, file, Shape().image, options.batch, options.seed)
    run = Run(options, len(stream.tags))
    if not run.restore(options.run):
        if options.continue_from:
            run.model.load_state_dict(export.load(options.continue_from, Shape().image).state_dict())
            words = evaluate.Asker(run.model, file).texts(list(stream.tags))  # where the text tower has them already
            run.helpers.vectors.data.copy_(torch.from_numpy(words))
            run.model.train()
        else:
            start_vision(run.model, evaluate.normalised(next(iter(stream))["pixels"]))
        run.mean = {n: p.detach().clone() for n, p in run.model.state_dict().items()}
    stream.seed = options.seed + 1000 * run.step
    print(f"seed {options.seed}, {len(stream.train)} training pictures, {len(stream.tags)} words, options "
          f"{vars(options)}", flush=True)
    batches = iter(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=options.workers,
                                               prefetch_factor=6 if options.workers else None))
    budget, saved, asked, shown, smooth = options.minutes * 60, run.elapsed, run.elapsed, run.elapsed, {}
    drawn_then, usual = run.drawn, 0.0
    while run.elapsed < budget:
        start = time.monotonic()
        batch = {n: t.to(run.device, non_blocking=True) for n, t in next(batches).items()}
        terms = run.update(batch, run.elapsed / budget, options.amp)
        spent = time.monotonic() - start
        usual = min(spent, 1.05 * usual) if usual else spent
        # A pause of the machine is not training: a step counts for a few usual ones at most.
        run.elapsed += min(spent, 4 * usual)
        smooth = {n: 0.97 * smooth.get(n, v) + 0.03 * v for n, v in terms.items()}
        if run.elapsed - shown > 30:
            print(f"{run.elapsed / 60:6.2f} min  step {run.step}  drawn {run.drawn}  "
                  f"{(run.drawn - drawn_then) / (run.elapsed - shown):.0f} pictures/s  scale "
                  f"{run.model.logit_scale.exp():.1f}  " + "  ".join(f"{n} {v:.3f}" for n, v in smooth.items()),
                  flush=True)
            shown, drawn_then = run.elapsed, run.drawn
        if run.elapsed - saved > 240:
            run.save(options.run)
            saved = run.elapsed
        if run.elapsed - asked > options.ask_every * 60:
            asked = run.elapsed
            asker = evaluate.Asker(run.mean_model(), file, run.device)
            result = evaluate.report(asker, items, wordnet, Shape().image, validation=True, scenes=200)
            print("validation", json.dumps(result), flush=True)
            run.model.train()
    run.save(options.run)
    print(f"done: {run.step} steps, {run.drawn} pictures drawn, {run.elapsed / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
