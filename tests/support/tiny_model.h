// A CLIP model small enough to write in a test: random weights from a fixed seed, in the published
// layout.
#ifndef ESPY_TESTS_SUPPORT_TINY_MODEL_H_
#define ESPY_TESTS_SUPPORT_TINY_MODEL_H_

#include <cstdint>
#include <string>

namespace espy::testing {

// Writes config.json, model.safetensors, preprocessor_config.json, vocab.json and merges.txt into
// `directory` (made if need be): 32-pixel pictures, 16 tokens of single bytes, 16 dimensions.
// Another seed is another space.
void WriteTinyModel(const std::string& directory, std::uint32_t seed = 1);

// A SigLIP2 of the NaFlex kind: patches of 8 pixels, at most 16 of a picture, positions learned for
// 3 x 3; 32 dimensions. Its tokenizer is the one of tests/encoders/tokenizers/siglip2.
void WriteTinyNaflexModel(const std::string& directory, std::uint32_t seed = 1);

}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_TINY_MODEL_H_
