"""The picture tower's first weights: filters that real patches suggest, and attention that starts as convolution.

A transformer that starts from noise has to learn from pictures that neighbours belong together; with ten thousand of
them it hardly does. So every head of the first blocks starts by looking at one neighbour of its own patch, and with
its values and outputs the block is a low-rank 3 x 3 convolution until gradients make it something else ("Structured
Initialization for Vision Transformers", arXiv 2505.19985; that self-attention can be a convolution: arXiv 1911.03584).

The place of a patch is a code of CODE dimensions that nothing else writes to at the start: cosines and sines of its
row and of its column, so that a rotation of the query's code asks for the patch at a given offset:

    query = R(offset) code[p], key = code[q]    ->    score = sum over f of cos(f (row_q - row_p - dy)) + the same in x

The class token has no code; its query is zero and it looks at all patches alike. The remaining heads follow "Mimetic
Initialization of Self-Attention Layers" (arXiv 2305.09828): like looks at like.
"""

import math

import torch
import torch.nn.functional as F

RATES = 8               # frequencies a direction
CODE = 4 * RATES        # dimensions of the place code; no more than a head has
LOUDNESS = 2.0          # root mean square of a code, beside patch content of 1
SHARPNESS = 10.0        # score of a head's own place over the mean of all; about 0.6 of its attention
RING = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))  # (dy, dx) in patches
OFFSETS = (8, 8, 8, 4, 4, 4)  # how many heads of each block start at an offset


def _rates(grid):
    return 0.9 * math.pi / grid * torch.arange(1, RATES + 1)


def place_codes(grid):
    """[grid^2, CODE], row part first."""
    angles = torch.arange(grid)[:, None] * _rates(grid)
    one = torch.cat([angles.cos(), angles.sin()], 1)
    return torch.cat([one.repeat_interleave(grid, 0), one.repeat(grid, 1)], 1)


def _turn(steps, grid):
    """[CODE / 2, CODE / 2]: the code of a row made that of the row `steps` further."""
    cos, sin = (steps * _rates(grid)).cos().diag(), (steps * _rates(grid)).sin().diag()
    return torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)])


def _factors(matrix, rank):
    """matrix ~ a @ b.T with a, b [n, rank], the singular values shared evenly."""
    u, s, v = torch.linalg.svd(matrix)
    root = s[:rank].sqrt()
    return u[:, :rank] * root, v[:rank].T * root


def _mimetic(attention, width):
    """Queries meet keys like themselves; values leave through the output with the opposite sign."""
    per_head = width // attention.heads
    for head in range(attention.heads):
        rows = slice(head * per_head, (head + 1) * per_head)
        near = 0.7 * torch.randn(width, width) / math.sqrt(width) + 0.7 * torch.eye(width)
        a, b = _factors(near, per_head)
        attention.q_proj.weight[rows], attention.k_proj.weight[rows] = a.T, b.T
    through = 0.4 * torch.randn(width, width) / math.sqrt(width) - 0.4 * torch.eye(width)
    a, b = _factors(through, width)
    attention.out_proj.weight.copy_(a)
    attention.v_proj.weight.copy_(b.T)


def _patch_filters(pixels, p, width):
    """[width, 3 p p]: principal components of patches at two sizes, partly whitened, mixed by a rotation."""
    patches = []
    for size in (pixels.shape[-1] * 2 // 3 // p * p, pixels.shape[-1]):
        small = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        patches.append(F.unfold(small, p, stride=p // 2).transpose(1, 2).reshape(-1, 3 * p * p))
    patches = torch.cat(patches)
    values, vectors = torch.linalg.eigh(torch.cov(patches[torch.randperm(len(patches))[:20000]].T))
    values, vectors = values.flip(0)[:width], vectors.flip(1)[:, :width]
    # Fully whitened, the faintest components would be as loud as the edges.
    filters = vectors.T * (values + 1e-3 * values[0]).pow(-0.4)[:, None]
    filters = filters / (patches @ filters.T).std()
    return torch.linalg.qr(torch.randn(width, width))[0] @ filters


@torch.no_grad()
def start_vision(model, pixels):
    """Set the picture tower's weights from one batch of training pictures (float [B, 3, H, H] in [-1, 1])."""
    s, tower = model.shape, model.vision_model
    grid, width = s.image // s.patch, s.vision_width
    e = tower.embeddings
    e.patch_embedding.weight.copy_(_patch_filters(pixels, s.patch, width).view_as(e.patch_embedding.weight))
    e.patch_embedding.weight[-CODE:] = 0
    e.position_embedding.weight.zero_()
    e.position_embedding.weight[1:, -CODE:] = LOUDNESS * math.sqrt(2) * place_codes(grid)
    e.class_embedding.normal_(0, 0.5)
    e.class_embedding[-CODE:] = 0
    x = tower.pre_layrnorm(e(pixels[:64]))
    for layer, count in zip(tower.encoder.layers, OFFSETS):
        attention = layer.self_attn
        _mimetic(attention, width)
        attention.out_proj.weight[-CODE:] = 0
        layer.mlp.fc2.weight[-CODE:] = 0
        # The layer norm scales the code with all the rest: measure its energy, to give every block the same sharpness.
        energy = (layer.layer_norm1(x)[:, 1:, -CODE:] ** 2).sum(-1).mean()
        per_head = width // attention.heads
        scale = (SHARPNESS * math.sqrt(per_head) / energy).sqrt()
        for head, (dy, dx) in enumerate(RING[:count]):
            rows = slice(head * per_head, head * per_head + CODE)
            attention.q_proj.weight[rows] = 0
            attention.k_proj.weight[rows] = 0
            attention.q_proj.weight[rows, -CODE:] = scale * torch.block_diag(_turn(dy, grid), _turn(dx, grid))
            attention.k_proj.weight[rows, -CODE:] = scale * torch.eye(CODE)
        x = layer(x, causal=False)
