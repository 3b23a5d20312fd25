"""What helps training and is thrown away afterwards: three teachers for the picture tower.

A transformer that starts from noise spends its first thousand steps on finding out that pictures have colours and
edges. No teacher costs anything next to the tower:

* words: unit vectors for every word of the list in the joint space. Pictures are pulled to the words they show and
  sentences to the words they say, so both towers have common anchors from the first step.
* places: the same words, but of what is left, right, above or below in a scene, read through one matrix a place that
  both towers share: order gets its own directions in the joint space.
* sketch: colour and edge histograms of the very picture, predicted from the class token; the targets of MaskFeat
  (arXiv 2112.09133). A linear reading of them is the baseline that the model has to beat.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from scenes import PLACES

CELLS, ANGLES, LEVELS = 6, 8, 4  # edge grid, orientations, colour levels a channel
SKETCH = CELLS * CELLS * (3 + ANGLES) + LEVELS ** 3


@torch.no_grad()
def sketch_of(pixels):
    """[B, 3, H, H] in [-1, 1] -> [B, SKETCH]: mean colour and edge orientations in a 6 x 6 grid, colour histogram."""
    b = pixels.shape[0]
    colour = F.adaptive_avg_pool2d(pixels, CELLS).flatten(1)
    grey = pixels.mean(1)
    dx, dy = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2], grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    angle = ((torch.atan2(dy, dx) % math.pi) * (ANGLES / math.pi)).long() % ANGLES
    strength = torch.hypot(dx, dy)
    layers = torch.zeros(b, ANGLES, *strength.shape[1:], device=pixels.device)
    layers.scatter_(1, angle[:, None], strength[:, None])
    edges = F.adaptive_avg_pool2d(layers, CELLS).flatten(1)
    edges = (edges / (edges.sum(1, keepdim=True) + 1e-6)).sqrt()
    level = ((pixels + 1) * (LEVELS / 2)).long().clamp(0, LEVELS - 1)
    code = (level[:, 0] * LEVELS + level[:, 1]) * LEVELS + level[:, 2]
    offset = torch.arange(b, device=pixels.device)[:, None] * LEVELS ** 3
    counts = torch.bincount((code.flatten(1) + offset).flatten(), minlength=b * LEVELS ** 3).view(b, -1).float()
    return torch.cat([colour, edges, (counts / counts.sum(1, keepdim=True)).sqrt()], 1)


class Helpers(nn.Module):
    """The three teachers' own parameters; not published."""

    def __init__(self, shape, words):
        super().__init__()
        self.vectors = nn.Parameter(F.normalize(torch.randn(words, shape.joint), dim=1))
        self.scale = nn.Parameter(torch.tensor(math.log(16.0)))
        self.places = nn.Parameter(torch.eye(shape.joint).repeat(len(PLACES), 1, 1)
                                   + 0.5 * torch.randn(len(PLACES), shape.joint, shape.joint) / shape.joint ** 0.5)
        self.reading = nn.Linear(shape.vision_width, SKETCH)
        self.register_buffer("mean", torch.zeros(SKETCH))
        self.register_buffer("spread", torch.ones(SKETCH))
        self.register_buffer("seen", torch.zeros(()))

    def words(self, unit):
        """Unit vectors [n, D] -> logits of every word [n, V]."""
        return self.scale.exp() * unit @ F.normalize(self.vectors, dim=1).T

    def words_at(self, unit, place):
        """Unit vectors [n, D] of scenes and a place of each -> logits of every word [n, V] for what is there."""
        turned = (unit[:, None] @ self.places.to(unit.dtype)[place])[:, 0]
        return self.words(F.normalize(turned, dim=1))

    def sketch(self, state, pixels):
        """Mean squared error of the sketch read from the class token, in units of its own spread (1 = no idea)."""
        target = sketch_of(pixels)
        if self.training:
            with torch.no_grad():
                self.seen += 1
                rate = 1 / min(float(self.seen), 100.0)
                self.mean.lerp_(target.mean(0), rate)
                self.spread.lerp_(target.std(0), rate)
        return F.mse_loss(self.reading(state), ((target - self.mean) / (self.spread + 1e-3)).clamp(-4, 4))
