"""What helps training and is thrown away afterwards: two teachers for the picture tower, and a good start for it.

A transformer that starts from noise spends its first thousand steps on finding out that pictures have colours and
edges. Neither teacher costs anything next to the tower:

* words: unit vectors for every word of the list in the joint space. Pictures are pulled to the words they show and
  sentences to the words they say, so both towers have common anchors from the first step.
* sketch: colour and edge histograms of the very picture, predicted from the class token; the targets of MaskFeat
  (arXiv 2112.09133). A linear reading of them is the baseline that the model has to beat.

The start follows "Mimetic Initialization of Self-Attention Layers" (arXiv 2305.09828): attention that looks at like
tokens, positions as sines, and patch filters from the principal components of real patches.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

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
    """The two teachers' own parameters; not published."""

    def __init__(self, shape, words):
        super().__init__()
        self.vectors = nn.Parameter(F.normalize(torch.randn(words, shape.joint), dim=1))
        self.scale = nn.Parameter(torch.tensor(math.log(16.0)))
        self.reading = nn.Linear(shape.vision_width, SKETCH)
        self.register_buffer("mean", torch.zeros(SKETCH))
        self.register_buffer("spread", torch.ones(SKETCH))
        self.register_buffer("seen", torch.zeros(()))

    def words(self, unit):
        """Unit vectors [n, D] -> logits of every word [n, V]."""
        return self.scale.exp() * unit @ F.normalize(self.vectors, dim=1).T

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


def _factors(matrix, rank):
    """matrix ~ a @ b.T with a, b [n, rank], the singular values shared evenly."""
    u, s, v = torch.linalg.svd(matrix)
    root = s[:rank].sqrt()
    return u[:, :rank] * root, v[:rank].T * root


@torch.no_grad()
def _mimetic(attention, width):
    """Queries meet keys like themselves; values leave through the output with the opposite sign."""
    per_head = width // attention.heads
    query, key = attention.q_proj.weight, attention.k_proj.weight
    for head in range(attention.heads):
        rows = slice(head * per_head, (head + 1) * per_head)
        near = 0.7 * torch.randn(width, width) / math.sqrt(width) + 0.7 * torch.eye(width)
        a, b = _factors(near, per_head)
        query[rows], key[rows] = a.T, b.T
    through = 0.4 * torch.randn(width, width) / math.sqrt(width) - 0.4 * torch.eye(width)
    a, b = _factors(through, width)
    attention.out_proj.weight.copy_(a)
    attention.v_proj.weight.copy_(b.T)


def _sines(grid, width):
    """[grid^2, width] two-dimensional sine positions, each entry within [-1, 1]."""
    quarter = width // 4
    rates = 1 / 100 ** (torch.arange(quarter) / quarter)
    along = torch.arange(grid)[:, None] * rates
    one = torch.cat([along.sin(), along.cos()], 1)
    return torch.cat([one.repeat_interleave(grid, 0), one.repeat(grid, 1)], 1)


@torch.no_grad()
def start_vision(model, pixels):
    """Set the picture tower's first weights from one batch of training pictures (uint8 [B, H, H, 3])."""
    s, tower = model.shape, model.vision_model
    p = s.patch
    full = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    patches = []
    for size in (64, s.image):
        small = F.interpolate(full, (size, size), mode="bilinear", antialias=True)
        patches.append(F.unfold(small, p, stride=p // 2).transpose(1, 2).reshape(-1, 3 * p * p))
    patches = torch.cat(patches)
    values, vectors = torch.linalg.eigh(torch.cov(patches[torch.randperm(len(patches))[:20000]].T))
    values, vectors = values.flip(0)[:s.vision_width], vectors.flip(1)[:, :s.vision_width]
    # Partly whitened: fully, and the faintest components would be as loud as the edges.
    filters = vectors.T * (values + 1e-3 * values[0]).pow(-0.4)[:, None]
    filters = filters[:, :] / (patches @ filters.T).std()
    rotation = torch.linalg.qr(torch.randn(s.vision_width, s.vision_width))[0]
    embeddings = tower.embeddings
    embeddings.patch_embedding.weight.copy_((rotation @ filters).view_as(embeddings.patch_embedding.weight))
    grid = s.image // p
    embeddings.position_embedding.weight[1:] = _sines(grid, s.vision_width)
    for layer in tower.encoder.layers:
        _mimetic(layer.self_attn, s.vision_width)
