"""Weights and inputs by formula, so that a golden file holds answers only. formula.h computes the same numbers.

Element i of the tensor NAME is scale * u + offset in float32, with u = (bits >> 40) * 2^-23 - 1 in [-1, 1) and
bits = splitmix64(fnv1a64(NAME) + i)."""

import math

import numpy as np


def _fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def values(name, shape, scale=1.0, offset=0.0):
    n = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.arange(n, dtype=np.uint64) + np.uint64(_fnv1a64(name)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return (u * np.float32(scale) + np.float32(offset)).reshape(shape)


def spread(name, shape):
    """(scale, offset) of a tensor: values that keep activations of the order of 1 and attention far from uniform."""
    if name in ("logit_scale", "logit_bias"):
        return 0.0, 2.5 if name == "logit_scale" else -3.0
    if "norm" in name or "layrnorm" in name or "ln_" in name:
        return (0.25, 1.0) if name.endswith("weight") else (0.1, 0.0)
    if name.endswith("bias"):
        return 0.1, 0.0
    if "token_embedding" in name or "position_embedding" in name or "class_embedding" in name or "probe" in name:
        return 0.5, 0.0
    if "positional_embedding" in name or "pos_embed" in name or "latent" in name:
        return 0.5, 0.0
    gain = 2.0 if any(part in name for part in ("q_proj", "k_proj", "in_proj", "qkv", "attn_pool.q.")) else 1.0
    return float(np.float32(gain * math.sqrt(3 / math.prod(shape[1:])))), 0.0
