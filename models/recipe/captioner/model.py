"""BLIP's architecture, small, in plain PyTorch: one picture tower, and one text tower that encodes, matches and writes.

Shapes: B pictures, R texts, T tokens, P = 37 picture tokens, V = 256 and D = 128 widths. As in BLIP (arXiv 2201.12086) the
text encoder and the decoder share everything but their self-attention; the published layout holds both in full, so export
writes the shared tensors twice. The layers are BERT's: the norm comes after the sum.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

import model as clip
from captioner import tokens


@dataclass(frozen=True)
class Shape:
    """All sizes of the model. The defaults are espy-mini-caption."""
    image: int = 96           # px, square
    patch: int = 16           # px
    vision_width: int = 256   # V
    vision_layers: int = 4
    vision_heads: int = 8
    width: int = 128          # D
    layers: int = 4
    heads: int = 4
    inner: int = 320          # of the feed-forward layers
    vocabulary: int = tokens.VOCABULARY
    context: int = 64         # tokens
    joint: int = 128          # of the cosine's projections
    medusa: int = 3           # heads
    mlp_ratio: int = 4


class VisionEmbeddings(nn.Module):
    """pixels [B, 3, H, H] -> [B, 1 + patches, V]; the place table is resampled for smaller pictures."""

    def __init__(self, s):
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(s.vision_width) * 0.02)
        self.patch_embedding = nn.Linear(3 * s.patch ** 2, s.vision_width)
        self.position_embedding = nn.Parameter(torch.randn((s.image // s.patch) ** 2 + 1, s.vision_width) * 0.02)
        self.patch = s.patch

    def forward(self, pixels):
        p = self.patch
        b, _, h, w = pixels.shape
        patches = pixels.view(b, 3, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, 3 * p * p)
        table = self.position_embedding[1:]
        own, grid = math.isqrt(len(table)), h // p
        if grid != own:
            square = table.T.reshape(1, -1, own, own)
            table = F.interpolate(square, (grid, grid), mode="bilinear", antialias=True).flatten(2)[0].T
        start = (self.class_embedding + self.position_embedding[0]).expand(b, 1, -1)
        return torch.cat([start, self.patch_embedding(patches) + table], 1)


class Vision(nn.Module):
    """pixels [B, 3, H, H], normalised -> all picture tokens [B, P, V], the class token first."""

    def __init__(self, s, drop=0.0):
        super().__init__()
        self.embeddings = VisionEmbeddings(s)
        self.encoder = clip.Encoder(s.vision_width, s.vision_heads, s.vision_layers, s.mlp_ratio, drop)
        self.post_layernorm = nn.LayerNorm(s.vision_width)

    def forward(self, pixels):
        return self.post_layernorm(self.encoder(self.embeddings(pixels), causal=False))


class Attention(nn.Module):
    """BERT's attention with its output layer and the norm after the sum. keys_of may be another width (the picture's)."""

    def __init__(self, width, heads, keys_of):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(keys_of, width), nn.Linear(keys_of, width)
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)

    def keys_values(self, x):
        """[B, T, keys_of] -> two of [B, heads, T, D / heads]"""
        both = F.linear(x, torch.cat([self.key.weight, self.value.weight]), torch.cat([self.key.bias, self.value.bias]))
        return both.view(*x.shape[:2], 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind()

    def forward(self, x, keys, values, mask=None):
        b, t, c = x.shape
        q = self.query(x).view(b, t, self.heads, -1).transpose(1, 2)
        scores = q @ keys.transpose(-2, -1) * (q.shape[-1] ** -0.5)
        if mask is not None:
            scores = scores + mask
        mixed = (scores.softmax(-1).to(values.dtype) @ values).transpose(1, 2).reshape(b, t, c)
        return self.norm(x + self.dense(mixed))


class TextLayer(nn.Module):
    """`reading` and `writing` are the encoder's and the decoder's self-attention; the rest is shared."""

    def __init__(self, s):
        super().__init__()
        self.reading, self.writing = (Attention(s.width, s.heads, s.width) for _ in range(2))
        self.cross = Attention(s.width, s.heads, s.vision_width)
        self.fc1, self.fc2 = nn.Linear(s.width, s.inner), nn.Linear(s.inner, s.width)
        self.norm = nn.LayerNorm(s.width, eps=1e-12)

    def forward(self, x, mask, seen, writing):
        own = self.writing if writing else self.reading
        x = own(x, *own.keys_values(x), mask)
        if seen is not None:
            x = self.cross(x, *seen)
        return self.norm(x + self.fc2(F.gelu(self.fc1(x))))


class Text(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.words, self.places = nn.Embedding(s.vocabulary, s.width), nn.Embedding(s.context, s.width)
        self.norm = nn.LayerNorm(s.width, eps=1e-12)
        self.layers = nn.ModuleList(TextLayer(s) for _ in range(s.layers))

    def seen(self, picture):
        """[B, P, V] -> the keys and values of every layer's cross-attention; one for all texts about a picture."""
        return [layer.cross.keys_values(picture) for layer in self.layers]

    def forward(self, ids, lengths, seen=None, writing=False):
        """ids [R, T], lengths [R] -> [R, T, D]. `writing` sees no later token, reading no token past the length."""
        t = ids.shape[1]
        x = self.norm(self.words(ids) + self.places.weight[:t])
        if writing:
            mask = torch.full((t, t), -1e4, device=x.device).triu(1)
        else:
            mask = torch.where(torch.arange(t, device=x.device) < lengths[:, None], 0.0, -1e4)[:, None, None]
        for n, layer in enumerate(self.layers):
            x = layer(x, mask, None if seen is None else seen[n], writing)
        return x


class Speech(nn.Module):
    """[.., D] -> logits [.., words]: BERT's prediction head, tied to the word table."""

    def __init__(self, s):
        super().__init__()
        self.dense, self.norm = nn.Linear(s.width, s.width), nn.LayerNorm(s.width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(s.vocabulary))

    def forward(self, x, words):
        return F.linear(self.norm(F.gelu(self.dense(x))), words, self.bias)


class Captioner(nn.Module):
    def __init__(self, s=Shape(), drop=0.0):
        super().__init__()
        self.shape = s
        self.vision, self.text, self.speech = Vision(s, drop), Text(s), Speech(s)
        self.vision_proj, self.text_proj = nn.Linear(s.vision_width, s.joint), nn.Linear(s.width, s.joint)
        self.itm_head = nn.Linear(s.width, 2)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # of the contrastive loss; not published
        for m in [self.speech, self.vision_proj, self.text_proj, self.itm_head, *self.text.modules()]:
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.trunc_normal_(m.weight, std=0.03)
            if isinstance(m, nn.Linear):
                nn.init.zeros_(m.bias)

    def image_vector(self, picture):
        """Picture tokens [B, P, V] -> unit vectors [B, joint]."""
        return F.normalize(self.vision_proj(picture[:, 0]), dim=-1)

    def text_vector(self, ids, lengths):
        return F.normalize(self.text_proj(self.text(ids, lengths)[:, 0]), dim=-1)

    def match(self, ids, lengths, seen):
        """Logits [R, 2] that text and picture belong together (column 1) or not; `seen` has one row a text."""
        return self.itm_head(self.text(ids, lengths, seen)[:, 0])

    def write(self, ids, seen):
        """The logits of the token after each [R, T, words]."""
        return self.speech(self.text(ids, None, seen, writing=True), self.text.words.weight)

    @torch.inference_mode()
    def caption(self, pixels, prompt=(), longest=40):
        """Greedy captions of normalised pixels [B, 3, H, H], as lists of ids after the prompt."""
        picture = self.vision(pixels)
        seen, b = self.text.seen(picture), len(pixels)
        ids = torch.tensor([[tokens.DEC, *prompt]] * b, device=pixels.device)
        ended = torch.zeros(b, dtype=torch.bool, device=pixels.device)
        for _ in range(longest):
            state = self.text(ids, None, seen, writing=True)[:, -1]
            new = self.speech(state, self.text.words.weight).argmax(-1)
            new[ended] = tokens.PAD
            ids = torch.cat([ids, new[:, None]], 1)
            ended |= new == tokens.SEP
            if ended.all():
                break
        rows = ids[:, 1 + len(prompt):].tolist()
        return [row[:row.index(tokens.SEP)] if tokens.SEP in row else row for row in rows]


def normalised(pixels):
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1], as preprocessor_config.json says."""
    return pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1)


@torch.no_grad()
def start_vision(model, mini, pixels):
    """Begin from espy-mini's picture tower: the same blocks. It has a norm before the first block and BLIP has none, so the
    embedding is refitted to give, linearly, what came out of that norm (least squares over training pictures, with a
    place table of its own). The last norm begins as the one through which the next block would have looked.
    """
    s, old, new = model.shape, mini.vision_model, model.vision
    for mine, theirs in zip(new.encoder.layers, old.encoder.layers):
        mine.load_state_dict(theirs.state_dict())
    tokens_before = old.embeddings(pixels)
    wanted = old.pre_layrnorm(tokens_before)
    content = tokens_before[:, 1:] - old.embeddings.position_embedding.weight[1:]
    mean_in, mean_out = content.mean(0), wanted[:, 1:].mean(0)
    x, y = (content - mean_in).flatten(0, 1).double(), (wanted[:, 1:] - mean_out).flatten(0, 1).double()
    turn = torch.linalg.solve(x.T @ x + 1e-3 * x.shape[0] * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y).float()
    e = new.embeddings
    e.patch_embedding.weight.copy_(turn.T @ old.embeddings.patch_embedding.weight.flatten(1))
    table = mean_out - mean_in @ turn
    e.patch_embedding.bias.copy_(table.mean(0))
    e.position_embedding[1:] = table - table.mean(0)
    e.position_embedding[0] = 0
    e.class_embedding.copy_(wanted[0, 0])
    following = old.encoder.layers[s.vision_layers].layer_norm1 if len(old.encoder.layers) > s.vision_layers \
        else old.post_layernorm
    new.post_layernorm.load_state_dict(following.state_dict())
    left = (e(pixels)[:, 1:] - wanted[:, 1:]).pow(2).mean() / (wanted[:, 1:] - mean_out).pow(2).mean()
    return float(left)
