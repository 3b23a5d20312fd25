"""The CLIP architecture, small, in plain PyTorch with the tensor names of the published layout.

Shapes: B pictures or texts, T tokens, C channels, D joint dimension. Pre-norm transformer blocks; the picture is read
from a class token, the text from the first end-of-text token under a causal mask, exactly as transformers' CLIPModel
does, so export.py only has to write the tensors down. Written out here because training drops picture tokens (FLIP,
arXiv 2212.00794) and trims texts to the batch's longest, which halves the arithmetic.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    """All sizes of the model. The defaults are espy-mini: 5.0 M parameters in the image tower."""
    image: int = 128       # px, square: what the last stage of training sees; export.py writes a smaller one
    patch: int = 16        # px
    vision_width: int = 256
    vision_layers: int = 6
    vision_heads: int = 8
    text_width: int = 160
    text_layers: int = 3
    text_heads: int = 5
    vocabulary: int = 4096
    context: int = 32      # tokens, with both specials
    joint: int = 256       # D
    mlp_ratio: int = 4
    eos: int = 4095


class Attention(nn.Module):
    """Multi-head self-attention, [B, T, C] -> [B, T, C]."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, causal, asking=None):
        """`asking` is how many of the first tokens ask; the others are only looked at. None: all ask."""
        b, t, c = x.shape
        if asking is None:
            # Three separate layers by name, as published, but one product: fewer, larger ones run faster.
            three = (self.q_proj, self.k_proj, self.v_proj)
            qkv = F.linear(x, torch.cat([p.weight for p in three]), torch.cat([p.bias for p in three]))
            q, k, v = qkv.view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        else:
            q, k, v = (p(y).view(b, -1, self.heads, c // self.heads).transpose(1, 2)
                       for p, y in ((self.q_proj, x[:, :asking]), (self.k_proj, x), (self.v_proj, x)))
        # Written out: at a few dozen tokens the fused kernel's backward pass takes four times as long as these products.
        scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5)
        if causal:
            scores = scores + torch.full((t, t), -1e4, dtype=scores.dtype, device=x.device).triu(1)
        mixed = scores.softmax(-1).to(v.dtype) @ v
        return self.out_proj(mixed.transpose(1, 2).reshape(b, -1, c))


class Mlp(nn.Module):
    def __init__(self, width, ratio):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Layer(nn.Module):
    """Pre-norm block. `drop` is the chance that a picture skips the block while training (stochastic depth)."""

    def __init__(self, width, heads, ratio, drop=0.0):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn, self.mlp = Attention(width, heads), Mlp(width, ratio)
        self.drop = drop

    def forward(self, x, causal, asking=None):
        x = x[:, :asking] + self._thinned(self.self_attn(self.layer_norm1(x), causal, asking))
        return x + self._thinned(self.mlp(self.layer_norm2(x)))

    def _thinned(self, branch):
        if not self.training or not self.drop:
            return branch
        keep = torch.rand(branch.shape[0], 1, 1, device=branch.device) >= self.drop
        return branch * (keep / (1 - self.drop))


class Encoder(nn.Module):
    """A stack of blocks. `asking`: how many of the first tokens leave the last block, None for all; the rest of its work
    would be thrown away."""

    def __init__(self, width, heads, layers, ratio, drop=0.0):
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(width, heads, ratio, drop * i / max(1, layers - 1)) for i in range(layers))

    def forward(self, x, causal, asking=None):
        for layer in self.layers[:-1]:
            x = layer(x, causal)
        return self.layers[-1](x, causal, asking)


def resampled(table, grid):
    """A position table [g^2, C] read at another grid, [grid^2, C]."""
    own = math.isqrt(table.shape[0])
    if grid == own:
        return table
    square = table.T.view(1, -1, own, own)
    return F.interpolate(square, (grid, grid), mode="bilinear", antialias=True, align_corners=False).flatten(2)[0].T


class VisionEmbeddings(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(s.vision_width) * 0.02)
        self.patch_embedding = nn.Conv2d(3, s.vision_width, s.patch, s.patch, bias=False)
        self.position_embedding = nn.Embedding((s.image // s.patch) ** 2 + 1, s.vision_width)
        self.patch = s.patch

    def positions(self, grid):
        """[grid^2, C]: the position table, for the size of picture that training looks at."""
        return resampled(self.position_embedding.weight[1:], grid)

    def forward(self, pixels):
        """pixels [B, 3, H, H] -> [B, 1 + patches, C]"""
        p = self.patch
        b, _, h, w = pixels.shape
        patches = pixels.view(b, 3, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, 3 * p * p)
        tokens = F.linear(patches, self.patch_embedding.weight.flatten(1)) + self.positions(h // p)
        head = (self.class_embedding + self.position_embedding.weight[0]).expand(b, 1, -1)
        return torch.cat([head, tokens], 1)


class VisionModel(nn.Module):
    """pixels [B, 3, H, W], normalised -> class token [B, C]."""

    def __init__(self, s, drop=0.0):
        super().__init__()
        self.embeddings = VisionEmbeddings(s)
        self.pre_layrnorm = nn.LayerNorm(s.vision_width)  # the published name has this spelling
        self.encoder = Encoder(s.vision_width, s.vision_heads, s.vision_layers, s.mlp_ratio, drop)
        self.post_layernorm = nn.LayerNorm(s.vision_width)

    def forward(self, pixels):
        x = self.pre_layrnorm(self.embeddings(pixels))
        return self.post_layernorm(self.encoder(x, causal=False, asking=1)[:, 0])


class TextEmbeddings(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.token_embedding = nn.Embedding(s.vocabulary, s.text_width)
        self.position_embedding = nn.Embedding(s.context, s.text_width)

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[:ids.shape[1]]


class TextModel(nn.Module):
    """ids [B, T] -> the state at the first end-of-text token [B, C]."""

    def __init__(self, s):
        super().__init__()
        self.embeddings = TextEmbeddings(s)
        self.encoder = Encoder(s.text_width, s.text_heads, s.text_layers, s.mlp_ratio)
        self.final_layer_norm = nn.LayerNorm(s.text_width)
        self.eos = s.eos

    def forward(self, ids):
        x = self.encoder(self.embeddings(ids), causal=True)
        end = (ids == self.eos).int().argmax(1)
        return self.final_layer_norm(x[torch.arange(ids.shape[0], device=ids.device), end])


class Clip(nn.Module):
    """Both towers. image() and text() give unit vectors [B, D]."""

    def __init__(self, s=Shape(), drop=0.0):
        super().__init__()
        self.shape = s
        self.vision_model, self.text_model = VisionModel(s, drop), TextModel(s)
        self.visual_projection = nn.Linear(s.vision_width, s.joint, bias=False)
        self.text_projection = nn.Linear(s.text_width, s.joint, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.apply(self._start)

    def _start(self, module):
        """Truncated normal of 0.02 everywhere except the residual outputs, which are thinned by depth (GPT-2)."""
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.trunc_normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Linear) and module in (self.visual_projection, self.text_projection):
            nn.init.trunc_normal_(module.weight, std=module.in_features ** -0.5)
        if isinstance(module, Encoder):
            for layer in module.layers:
                for out in (layer.self_attn.out_proj, layer.mlp.fc2):
                    nn.init.trunc_normal_(out.weight, std=0.02 / math.sqrt(2 * len(module.layers)))

    def image(self, pixels):
        return F.normalize(self.visual_projection(self.vision_model(pixels)), dim=-1)

    def text(self, ids):
        return F.normalize(self.text_projection(self.text_model(ids)), dim=-1)
