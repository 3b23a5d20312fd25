"""The published directory opens in transformers unchanged and says what the recipe's own model says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import export

MODEL = Path(__file__).resolve().parents[2] / "espy-mini"
TEXTS = ["a red car", "two crabs left of a house", "Musical  INSTRUMENT"]
# Both sides compute in float32 from one set of float16 weights; only the order of additions differs.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def published():
    from transformers import AutoModel, AutoProcessor
    return AutoModel.from_pretrained(MODEL, dtype=torch.float32).eval(), AutoProcessor.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def inputs(published):
    ramp = np.linspace(0, 255, 70 * 130 * 3).reshape(70, 130, 3).astype(np.uint8)  # not square, on purpose
    return published[1](images=Image.fromarray(ramp), text=TEXTS, return_tensors="pt", padding=True)


def test_embeddings_are_unit_vectors_of_the_joint_dimension(published, inputs):
    with torch.inference_mode():
        out = published[0](**inputs)
    dimension = json.loads((MODEL / "config.json").read_text())["projection_dim"]
    assert out.image_embeds.shape == (1, dimension) and out.text_embeds.shape == (len(TEXTS), dimension)
    for vectors in (out.image_embeds, out.text_embeds):
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(len(vectors)), atol=1e-5)


def test_whole_picture_is_squashed_to_the_square(inputs):
    side = json.loads((MODEL / "config.json").read_text())["vision_config"]["image_size"]
    assert inputs["pixel_values"].shape[1:] == (3, side, side)
    assert float(inputs["pixel_values"].min()) >= -1.01 and float(inputs["pixel_values"].max()) <= 1.01


def test_recipe_model_and_transformers_agree(published, inputs):
    own = export.load(MODEL)
    with torch.inference_mode():
        out = published[0](**inputs)
        image, text = own.image(inputs["pixel_values"]), own.text(inputs["input_ids"])
    assert (out.image_embeds - image).abs().max() < TOLERANCE
    assert (out.text_embeds - text).abs().max() < TOLERANCE


def test_weights_are_read_for_pictures_of_another_size():
    own = export.load(MODEL)
    larger = export.load(MODEL, own.shape.image + 2 * own.shape.patch)
    grid = own.shape.image // own.shape.patch
    tables = [m.vision_model.embeddings.position_embedding.weight for m in (own, larger)]
    assert tables[1].shape == ((grid + 2) ** 2 + 1, own.shape.vision_width)
    assert torch.equal(tables[0][0], tables[1][0])  # the class token's
    # A finer grid over the same square: its corners are nearly the coarser one's, its mean is.
    assert torch.allclose(tables[0][1:].mean(0), tables[1][1:].mean(0), atol=0.05)
    side = larger.shape.image
    with torch.inference_mode():
        assert torch.isfinite(larger.image(torch.zeros(1, 3, side, side))).all()


def test_case_and_spaces_do_not_change_a_query(published):
    ids = published[1].tokenizer(["musical instrument", "Musical  INSTRUMENT"]).input_ids
    assert ids[0] == ids[1]


def test_directory_stays_small():
    assert sum(f.stat().st_size for f in MODEL.iterdir()) <= 16 * 2**20
