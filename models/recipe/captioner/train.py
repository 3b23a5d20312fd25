"""Train the captioner on a budget of processor minutes from the painted shards: writing, contrast and matching, as BLIP.

    python -m captioner.train --cache DIR --run DIR/caption-run --minutes 90

Killed, it goes on with the same command. The schedule follows the share of the budget that is spent, so a run always ends
annealed; `--minutes` may be raised or lowered for a later start, which moves the rest of the schedule with it.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import export as mini_export
import words as lexicon
from captioner import batches, tokens
from captioner.grammar import CHANGES
from captioner.model import Captioner, Shape, normalised, start_vision
from muon import Muon
from train import rate

STAGES = ((0.6, 64), (1.01, 96))  # (until this share of the budget, px); the picture tower begins as one that knows both
MEAN_DECAY = 0.995
MATCH_EVERY = 1   # steps between those that also match and contrast; every one writes
SMOOTHING = 0.05  # of the labels, when writing
HELD_FALSE, HELD_MATE = 0.9, 0.7  # how often the negative is the changed sentence or the mate, where there is one
OTHER_PICTURES = 0.15  # share of the texts that are asked about a false picture though they have no mate


def parts(ids, lengths, count):
    """Rows cut in `count` by length, each trimmed to its longest, so that short texts pay for no padding."""
    for rows in lengths.argsort().chunk(count):
        longest = int(lengths[rows].max())
        yield rows, ids[rows, :longest], lengths[rows]


def put_back(pieces):
    rows = torch.cat([r for r, _ in pieces])
    return torch.cat([x for _, x in pieces])[rows.argsort()]


def writing_loss(model, batch, seen):
    """Cross-entropy with smoothed labels, per token; only the tokens that are asked for pass through the vocabulary."""
    total, count = 0.0, 0
    for rows, ids, lengths in parts(batch["caption"], batch["c_length"], 2):
        ids = ids.clone()
        ids[:, 0] = tokens.DEC
        state = model.text(ids[:, :-1], None, [(k[rows], v[rows]) for k, v in seen], writing=True)
        asked = ids[:, 1:] != tokens.PAD
        logits = model.speech(state[asked], model.text.words.weight).float()
        right = logits.gather(1, ids[:, 1:][asked][:, None])[:, 0]
        total = total + (logits.logsumexp(1) - (1 - SMOOTHING) * right - SMOOTHING * logits.mean(1)).sum()
        count += len(logits)
    return total / count


def contrast_loss(model, batch, picture):
    """CLIP's softmax both ways with several true answers -> (loss, cosines [B, B])."""
    image = model.image_vector(picture)
    text = put_back([(r, model.text_vector(i, n)) for r, i, n in parts(batch["text"], batch["t_length"], 2)])
    scores = (model.logit_scale.exp().clamp(max=100) * image @ text.T).float()
    true = batch["true"].float()
    own = torch.eye(len(true), device=true.device)
    loss = 0.0
    for s, t in ((scores, true), (scores.T, true.T)):
        target = 0.5 * own + 0.5 * t / t.sum(1, keepdim=True)
        loss = loss - (target * s.log_softmax(1)).sum(1).mean() / 2
    return loss, scores.detach()


def matching_loss(model, batch, seen, scores):
    """BLIP's: each true pair, each picture with a hard false text, and texts with a hard false picture: every one that has
    a mate, and a few others, since texts without one learn little from it. The false ones are the scene's own changed
    sentence and its mate, or drawn by how much the contrastive scores mistake them."""
    b = len(scores)
    wrong = scores.masked_fill(batch["true"], -1e4)
    any_text, any_picture = (wrong > -1e3).any(1), (wrong > -1e3).any(0)
    weight = wrong.softmax(1).masked_fill(batch["true"], 0) + 1e-9
    text_of = torch.multinomial(weight, 1)[:, 0]
    picture_of = torch.multinomial(wrong.T.softmax(1).masked_fill(batch["true"].T, 0) + 1e-9, 1)[:, 0]
    mate = (batch["mate"] >= 0) & (torch.rand(b) < HELD_MATE)
    picture_of = torch.where(mate, batch["mate"].clamp(min=0), picture_of)
    own = batch["has_false"] & (torch.rand(b) < HELD_FALSE)
    longest = max(batch["text"].shape[1], batch["false"].shape[1])
    pad = lambda ids: F.pad(ids, (0, longest - ids.shape[1]), value=tokens.PAD)
    text, false = pad(batch["text"]), pad(batch["false"])
    ids = torch.cat([text, torch.where(own[:, None], false, text[text_of]), text])
    lengths = torch.cat([batch["t_length"], torch.where(own, batch["f_length"], batch["t_length"][text_of]),
                         batch["t_length"]])
    pictures = torch.cat([torch.arange(b), torch.arange(b), picture_of])
    answer = torch.cat([torch.ones(b), torch.zeros(2 * b)]).long()
    few = torch.rand(b) < OTHER_PICTURES
    asked = torch.cat([torch.ones(b, dtype=torch.bool), own | any_text, mate | few & any_picture])
    ids, lengths, pictures, answer = ids[asked], lengths[asked], pictures[asked], answer[asked]
    logits = put_back([(r, model.match(i, n, [(k[pictures[r]], v[pictures[r]]) for k, v in seen]))
                       for r, i, n in parts(ids, lengths, 4)]).float()
    return F.cross_entropy(logits, answer), (logits.argmax(1) == answer).float().mean()


def losses(model, batch, side, matching=True):
    pixels = normalised(batch["pixels"])
    if side != pixels.shape[-1]:
        pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    picture = model.vision(pixels)
    seen = model.text.seen(picture)
    terms = {"write": writing_loss(model, batch, seen)}
    if matching:
        terms["contrast"], scores = contrast_loss(model, batch, picture)
        terms["match"], terms["right"] = matching_loss(model, batch, seen, scores)
    return terms


def optimisers(model, options):
    """Muon for the matrices inside the blocks, AdamW for the rest; the picture tower, already trained, at a lower rate."""
    kind = torch.bfloat16 if options.amp else torch.float32
    made = []
    for vision, share in ((False, 1.0), (True, options.vision_rate)):
        mine = [(n, p) for n, p in model.named_parameters() if n.startswith("vision.") == vision]
        inside = [p for n, p in mine if ".layers." in n and p.ndim == 2]
        rest = [p for n, p in mine if not (".layers." in n and p.ndim == 2)]
        made.append(Muon(inside, lr=options.lr_muon * share, weight_decay=0.02, kind=kind))
        made.append(torch.optim.AdamW([{"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.02},
                                       {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0}],
                                      lr=options.lr_adam * share, betas=(0.9, 0.98), fused=True))
    for optimiser in made:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return made


class Run:
    """Everything that a checkpoint holds."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.model = Captioner(Shape(), drop=options.drop)
        self.optimisers = optimisers(self.model, options)
        self.step, self.elapsed, self.drawn, self.mean = 0, 0.0, 0, {}

    def begin_mean(self):
        self.mean = {n: p.detach().clone() for n, p in self.model.state_dict().items()}

    def save(self, folder):
        torch.save({"model": self.model.state_dict(), "mean": self.mean, "random": torch.get_rng_state(),
                    "optimisers": [o.state_dict() for o in self.optimisers], "step": self.step,
                    "elapsed": self.elapsed, "drawn": self.drawn}, folder / "checkpoint.part")
        os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")

    def restore(self, folder):
        if not (folder / "checkpoint.pt").exists():
            return False
        saved = torch.load(folder / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"]):
            peaks = [g["peak"] for g in optimiser.param_groups]
            optimiser.load_state_dict(state)
            for group, peak in zip(optimiser.param_groups, peaks):  # as asked for now
                group["peak"] = peak
        torch.set_rng_state(saved["random"])
        self.mean = saved["mean"]
        self.step, self.elapsed, self.drawn = saved["step"], saved["elapsed"], saved["drawn"]
        print(f"resumed at step {self.step}, {self.elapsed / 60:.1f} minutes spent", flush=True)
        return True

    def update(self, batch, progress, amp):
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * rate(progress)
            optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            side = next(side for until, side in STAGES if progress < until)
            terms = losses(self.model, batch, side, self.step % MATCH_EVERY == 0)
        sum(t for n, t in terms.items() if n != "right").backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self.drawn += len(batch["pixels"])
        decay = min(MEAN_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now = self.model.state_dict()
            torch._foreach_lerp_([self.mean[n] for n in now], list(now.values()), 1 - decay)
        return {n: float(t.detach()) for n, t in terms.items()}

    def mean_model(self):
        model = Captioner(Shape())
        model.load_state_dict(self.mean)
        return model.eval()


@torch.inference_mode()
def watch(model, shard, most=800):
    """On the validation shard: the loss of writing, per token, and how often a true sentence matches better than the one of
    its form that is changed in one way, in per cent by change."""
    loss, count, won = 0.0, 0, {c: [] for c in CHANGES}
    for at in range(0, min(most, len(shard.captions)), 50):
        rows = range(at, min(at + 50, len(shard.captions)))
        picture = model.vision(normalised(torch.from_numpy(shard.pixels[rows.start:rows.stop])))
        seen = model.text.seen(picture)
        firsts = shard.first[rows.start:rows.stop]
        ids = torch.from_numpy(shard.ids[firsts].astype("int64"))
        ids[:, 0] = tokens.DEC
        wanted = ids[:, 1:].masked_fill(ids[:, 1:] == tokens.PAD, -100)
        logits = model.write(ids[:, :-1], seen)
        loss += float(F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="sum"))
        count += int((wanted >= 0).sum())
        pairs = [(r - at, n) for r in rows for n in range(shard.first[r] + shard.trues[r], shard.first[r + 1])
                 if shard.twin[n] >= 0]
        if not pairs:
            continue
        picture_of = torch.tensor([r for r, _ in pairs])
        asked = [(k[picture_of], v[picture_of]) for k, v in seen]
        scores = []
        for which in (shard.twin[[n for _, n in pairs]], [n for _, n in pairs]):
            out = model.match(torch.from_numpy(shard.ids[which].astype("int64")),
                              torch.from_numpy(shard.length[which].astype("int64")), asked)
            scores.append(out[:, 1] - out[:, 0])
        for (_, n), better in zip(pairs, (scores[0] > scores[1]).tolist()):
            won[CHANGES[shard.kind[n]]].append(better)
    return {"write": round(loss / count, 4)} | {c: round(100 * sum(w) / max(1, len(w)), 1) for c, w in won.items()}


def options_of():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder made by data.py; its caption/ holds the shards")
    parser.add_argument("--run", type=Path, required=True, help="folder for the tokenizer and the checkpoint")
    parser.add_argument("--mini", type=Path, default=Path(__file__).resolve().parents[2] / "espy-mini",
                        help="published model whose picture tower the run starts from")
    parser.add_argument("--minutes", type=float, default=90, help="of processor time, over all restarts together")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lr-muon", type=float, default=0.02)
    parser.add_argument("--lr-adam", type=float, default=2e-3)
    parser.add_argument("--vision-rate", type=float, default=0.3, help="of the picture tower, beside the others")
    parser.add_argument("--drop", type=float, default=0.05, help="stochastic depth of the picture tower's last block")
    parser.add_argument("--amp", action="store_true", help="bfloat16 products")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--watch-every", type=float, default=10, help="minutes between looks at the validation shard")
    return parser.parse_args()


def main():
    options = options_of()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    options.run.mkdir(parents=True, exist_ok=True)
    wordnet = lexicon.WordNet(f"{options.cache}/pkgs/wordnet-base/usr/share/wordnet")
    shards, tags = batches.ready(options.cache / "caption", wordnet)
    held = batches.ready(options.cache / "caption", wordnet, "val")[0][0]
    for name in tokens.FILES:
        shutil.copy(options.cache / "caption" / name, options.run)
    run = Run(options)
    resumed = run.restore(options.run)
    stream = iter(batches.Stream(shards, tags, options.batch, options.seed + 1000 * run.step))
    if not resumed:
        some = torch.cat([normalised(next(stream)["pixels"]) for _ in range(4)])
        left = start_vision(run.model, mini_export.load(options.mini, Shape().image), some)
        print(f"picture tower from {options.mini}: {100 * left:.1f} % of the first norm's variance is not linear")
        run.begin_mean()
    print(f"{sum(len(s.captions) for s in shards)} pictures, {sum(p.numel() for p in run.model.parameters())} parameters, "
          f"options {vars(options)}", flush=True)
    budget, saved, asked, shown, smooth = options.minutes * 60, run.elapsed, run.elapsed, run.elapsed, {}
    drawn_then = run.drawn
    while run.elapsed < budget:
        start = time.process_time()
        terms = run.update(next(stream), run.elapsed / budget, options.amp)
        run.elapsed += time.process_time() - start
        smooth |= {n: 0.98 * smooth.get(n, v) + 0.02 * v for n, v in terms.items()}
        if run.elapsed - shown > 30:
            print(f"{run.elapsed / 60:6.2f} min  step {run.step}  drawn {run.drawn}  "
                  f"{(run.drawn - drawn_then) / (run.elapsed - shown):.0f} pictures/s  "
                  + "  ".join(f"{n} {v:.3f}" for n, v in smooth.items()), flush=True)
            shown, drawn_then = run.elapsed, run.drawn
        if run.elapsed - saved > 60:
            run.save(options.run)
            saved = run.elapsed
        if run.elapsed - asked > options.watch_every * 60:
            asked = run.elapsed
            print("validation", json.dumps(watch(run.mean_model(), held)), flush=True)
    run.save(options.run)
    print("validation", json.dumps(watch(run.mean_model(), held)), flush=True)
    print(f"done: {run.step} steps, {run.drawn} pictures drawn, {run.elapsed / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
