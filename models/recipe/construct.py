"""Start the picture tower as a reading of edges and colours, solved in closed form instead of learned from noise.

A transformer that starts from noise needs far more pictures than there are here to learn what a linear model of
gradient histograms knows at once. So the first weights are built, within the published architecture:

    patch embedding   cosine transform of the patch (luminance finer than colour), a code for its place, a flag on CLS
    block 0           attention silent; the MLP is a bank of Gabor filters, rectified, its output pooled to FEATURES
                      principal components that every patch keeps in dimensions of their own
    blocks 1 to 5     eight heads each, one head a place of the grid: the class token looks at exactly one patch and
                      adds a rank-32 linear map of its features; the MLPs start silent
    projection        reads the answer off the class token

The text tower starts as a sum of token vectors.

The maps are one ridge regression from all places at once. start.py puts the pieces together.

The 256 dimensions: [0, CONTENT) patch content, on the class token the answer; then FEATURES; then the place code;
the last one is the flag of the class token.
"""

import math

import torch
import torch.nn.functional as F

CONTENT, FEATURES, CODE = 144, 80, 31
FLAG = CONTENT + FEATURES + CODE
ANSWER_SCALE = 0.3  # of the answer on the class token, small beside the flag so that norms stay put
SHARPNESS = 14.0    # attention score of a head for its own place; other places get under half of it


def _cosine(p):
    """[p * p, p * p] orthonormal 2-D cosine basis, lowest frequencies first."""
    k, x = torch.arange(p)[:, None], torch.arange(p)[None] + 0.5
    one = torch.cos(math.pi * k * x / p) * math.sqrt(2 / p)
    one[0] /= math.sqrt(2)
    order = sorted(((i * i + j * j, i, j) for i in range(p) for j in range(p)))
    return torch.stack([torch.outer(one[i], one[j]).flatten() for _, i, j in order])


def content_filters(p, patches):
    """[CONTENT, 3 * p * p]: 112 cosines of luminance and 16 of each opponent colour, scaled to even loudness."""
    basis = _cosine(p)
    grey, red, blue = (torch.tensor(w) for w in ((1 / 3, 1 / 3, 1 / 3), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5)))
    rows = [torch.outer(w, b).flatten() for w, n in ((grey, 112), (red, 16), (blue, 16)) for b in basis[:n]]
    filters = torch.stack(rows)
    spread = (patches @ filters.T).std(0)
    return filters / (spread + 0.15 * spread[1])[:, None]


def gabors(p, count, generator):
    """[count, 3 * p * p] Gabor patches of random place, direction, wavelength, phase and colour."""
    u = lambda low, high: low + (high - low) * torch.rand(count, 1, 1, generator=generator)
    y, x = torch.meshgrid(torch.arange(p) + 0.5, torch.arange(p) + 0.5, indexing="ij")
    cx, cy, turn, phase = u(1, p - 1), u(1, p - 1), u(0, 2 * math.pi), u(0, 2 * math.pi)
    wave = 4.0 * (4.5 ** torch.rand(count, 1, 1, generator=generator))
    dx, dy = x - cx, y - cy
    along = dx * turn.cos() + dy * turn.sin()
    shape = torch.exp(-(dx ** 2 + dy ** 2) / (2 * (0.45 * wave) ** 2)) * torch.cos(2 * math.pi * along / wave + phase)
    colours = torch.tensor([[1 / 3, 1 / 3, 1 / 3]] * 5 + [[0.5, -0.5, 0.0], [-0.25, -0.25, 0.5]])
    pick = colours[torch.randint(len(colours), (count,), generator=generator)]
    return (pick[:, :, None] * shape.flatten(1)[:, None]).flatten(1)


def place_codes(places, generator):
    """[places, CODE] unit vectors pushed apart, so that a head can tell every place from every other."""
    codes = F.normalize(torch.randn(places, CODE, generator=generator), dim=1)
    for _ in range(300):
        near = codes @ codes.T - torch.eye(places)
        codes = F.normalize(codes - 0.3 * (near ** 3) @ codes, dim=1)
    return codes


def _ridge(x, y, penalty):
    """Weights [in + 1, out] of y ~ [x 1] @ weights."""
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    gram = (x.T @ x).double()
    gram.diagonal()[:-1] += penalty * gram.diagonal().mean()
    return torch.linalg.solve(gram, (x.T @ y).double()).float()


@torch.no_grad()
def stem(model, pixels, generator):
    """Patch embedding, place codes, flag and the filter bank of block 0. pixels: float [n, 3, H, H] in [-1, 1]."""
    s, tower = model.shape, model.vision_model
    p, places = s.patch, (s.image // s.patch) ** 2
    patches = F.unfold(pixels[:1500], p, stride=p).transpose(1, 2).reshape(-1, 3 * p * p)
    some = patches[torch.randperm(len(patches), generator=generator)[:20000]]
    content = content_filters(p, some)
    e = tower.embeddings
    for weight in (e.patch_embedding.weight, e.position_embedding.weight, e.class_embedding):
        weight.zero_()
    e.patch_embedding.weight.view(s.vision_width, -1)[:CONTENT] = content
    codes = place_codes(places, generator)
    e.position_embedding.weight[1:, CONTENT + FEATURES:FLAG] = codes * 1.6 * math.sqrt(CONTENT)
    e.class_embedding[FLAG] = 10.0
    block = tower.encoder.layers[0]
    block.self_attn.out_proj.weight.zero_()
    wanted = gabors(p, s.vision_width * s.mlp_ratio, generator)
    # A filter on pixels becomes a filter on content: the content filters are orthogonal, so rows divide by norms.
    inner = wanted @ (content / content.norm(dim=1, keepdim=True) ** 2).T
    fc1, fc2 = block.mlp.fc1, block.mlp.fc2
    fc1.weight.zero_()
    fc1.weight[:, :CONTENT] = inner
    tokens = tower.pre_layrnorm(e(pixels[:600], None))[:, 1:].flatten(0, 1)
    quiet = block.layer_norm2(tokens)
    response = quiet @ fc1.weight.T
    fc1.weight.mul_((2.0 / (response.std(0) + 1e-6))[:, None])
    fc1.bias.fill_(-1.0)
    hidden = F.gelu(fc1(quiet))
    mean = hidden.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(hidden.T))
    values, vectors = values.flip(0)[:FEATURES], vectors.flip(1)[:, :FEATURES]
    pooled = vectors.T * (values + 0.02 * values[0]).pow(-0.5)[:, None] * 0.8
    fc2.weight.zero_()
    fc2.bias.zero_()
    fc2.weight[CONTENT:CONTENT + FEATURES] = pooled
    fc2.bias[CONTENT:CONTENT + FEATURES] = -pooled @ mean
    for later in tower.encoder.layers[1:]:
        later.mlp.fc2.weight.zero_()
    return codes


@torch.no_grad()
def patch_features(model, pixels):
    """What the heads of blocks 1 to 5 will see: [n, places, FEATURES] after block 0 and a layer norm."""
    tower, parts = model.vision_model, []
    for chunk in pixels.split(256):
        x = tower.encoder.layers[0](tower.pre_layrnorm(tower.embeddings(chunk, None)), causal=False)
        parts.append(tower.encoder.layers[1].layer_norm1(x)[:, 1:, CONTENT:CONTENT + FEATURES])
    return torch.cat(parts)


@torch.no_grad()
def _heads(model, codes, weights, features):
    """Give every place a head: weights [places, FEATURES, CONTENT] become values and outputs of rank 32."""
    s = model.shape
    per_head = s.vision_width // s.vision_heads
    flag = float(model.vision_model.encoder.layers[1].layer_norm1(
        model.vision_model.pre_layrnorm(model.vision_model.embeddings(torch.zeros(1, 3, s.image, s.image), None))
    )[0, 0, FLAG])
    at = [model.vision_model.encoder.layers[1 + n // s.vision_heads].self_attn for n in range(len(codes))]
    for attention in set(at):
        for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj):
            part.weight.zero_()
            part.bias.zero_()
    for place, attention in enumerate(at):
        rows = slice((place % s.vision_heads) * per_head, (place % s.vision_heads + 1) * per_head)
        # After the layer norm a code has a length of about sqrt(width * its share of the energy), near 12.
        query = torch.zeros(per_head)
        query[:CODE] = codes[place] * SHARPNESS * math.sqrt(per_head) / (flag * 11.0)
        attention.q_proj.weight[rows, FLAG] = query
        attention.k_proj.weight[rows, CONTENT + FEATURES:FLAG] = torch.eye(per_head, CODE)
        x = features[:, place]
        root_values, root_vectors = torch.linalg.eigh(x.T @ x / len(x) + 1e-4 * torch.eye(FEATURES))
        root = root_vectors * root_values.sqrt() @ root_vectors.T
        # The best map of rank 32 on these very features: truncate root @ weights, then take root off again.
        u, sing, v = torch.linalg.svd(root @ weights[place], full_matrices=False)
        size = sing[:per_head].sqrt()
        attention.v_proj.weight[rows, CONTENT:CONTENT + FEATURES] = (
            torch.linalg.solve(root, u[:, :per_head]) * size).T
        attention.out_proj.weight[:CONTENT, rows] = (v[:per_head].T * size) * ANSWER_SCALE


@torch.no_grad()
def class_tokens(model, pixels):
    """[n, C] the published pooled state, in chunks."""
    return torch.cat([model.vision_model(chunk) for chunk in pixels.split(256)])


@torch.no_grad()
def solve(features, answers, weights, penalty=0.5):
    """One ridge regression from all places at once. features [n, places, FEATURES], answers [n, CONTENT], weights [n]
    of the pictures -> maps [places, FEATURES, CONTENT]."""
    flat = features.flatten(1)
    flat = flat - (flat * weights[:, None]).sum(0) / weights.sum()
    gram = (flat.T @ (flat * weights[:, None])).double()
    gram.diagonal().add_(penalty * gram.diagonal().mean())
    found = torch.linalg.solve(gram, (flat.T @ (answers * weights[:, None])).double()).float()
    return found.view(features.shape[1], FEATURES, CONTENT)


@torch.no_grad()
def finish_vision(model, codes, features, maps, pixels):
    """Build the heads from the maps and read the answer off the class token, fitted on a few thousand pictures; the
    reading's constant goes into the last layer norm's bias."""
    unit = maps / (features.flatten(1) @ maps.flatten(0, 1)).std()
    _heads(model, codes, unit, features)
    tokens = class_tokens(model, pixels)
    wanted = features.flatten(1) @ unit.flatten(0, 1)
    wanted = wanted - wanted.mean(0)
    reading = _ridge(tokens, wanted, 1e-5)
    model.visual_projection.weight.zero_()
    model.visual_projection.weight[:CONTENT] = reading[:-1].T
    model.vision_model.post_layernorm.bias.add_(torch.linalg.lstsq(reading[:-1].T, reading[-1][:, None]).solution[:, 0])


@torch.no_grad()
def construct_text(model, ids, answers, penalty=0.03):
    """A text tower that adds up its tokens: ids [n, T] of short texts, answers [n, CONTENT] what each should give.

    Token vectors are one ridge regression. Block 0 averages all tokens before the end; blocks 1 and 2 and all MLPs
    start silent. Sixteen spare dimensions give every token the same length and mean, so that layer norms change
    nothing."""
    s, tower = model.shape, model.text_model
    counts = torch.zeros(len(ids), s.vocabulary)
    counts.scatter_add_(1, ids, torch.ones_like(ids, dtype=torch.float))
    counts[:, s.eos - 1:] = 0
    gram = counts.T @ counts
    gram.diagonal().add_(penalty)
    vectors = torch.linalg.solve(gram, counts.T @ answers)
    vectors = vectors / vectors.norm(dim=1).max()
    spare = s.text_width - CONTENT
    total, left = vectors.sum(1), 1.7 - vectors.pow(2).sum(1)
    centre = -total / spare
    swing = (left / spare - centre ** 2).clamp(min=1e-4).sqrt()
    filler = torch.stack([centre + swing, centre - swing], 1).repeat_interleave(spare // 2, 1)
    tower.embeddings.token_embedding.weight.copy_(torch.cat([vectors, filler], 1))
    tower.embeddings.position_embedding.weight.zero_()
    first = tower.encoder.layers[0].self_attn
    for part in (first.q_proj, first.k_proj):
        part.weight.zero_()
    first.v_proj.weight.copy_(torch.eye(s.text_width))
    first.out_proj.weight.copy_(torch.eye(s.text_width))
    for layer in tower.encoder.layers:
        layer.mlp.fc2.weight.zero_()
    for layer in tower.encoder.layers[1:]:
        layer.self_attn.out_proj.weight.zero_()
    model.text_projection.weight.zero_()
    model.text_projection.weight[:CONTENT, :CONTENT] = torch.eye(CONTENT)
