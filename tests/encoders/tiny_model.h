// Whole models of a few thousand parameters, written to a test's directory.
#ifndef ESPY_TESTS_ENCODERS_TINY_MODEL_H_
#define ESPY_TESTS_ENCODERS_TINY_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::encoders {

struct TinyTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  float value;  // its numbers lie between this and 2.5 times this
};

// A safetensors file of FP32 tensors.
std::string TinySafetensors(const std::vector<TinyTensor>& tensors);

// A CLIP with the tokenizer of tests/encoders/tokenizers/clip.
inline constexpr std::int64_t kTinyWidth = 16;
inline constexpr std::int64_t kTinyVocabulary = 1094;
extern const char kTinyClipConfig[];
std::vector<TinyTensor> TinyClipTensors();
void WriteTinyClip(const testing::TempDir& temp, const std::string& name,
                   const std::vector<TinyTensor>& tensors = TinyClipTensors());

// The text tower of a SigLIP2 of context 8 with the tokenizer of tests/encoders/tokenizers/siglip2,
// whose tokenizer_config.json says this padding_side. There are no vision tensors.
void WriteTinySiglip2Text(const testing::TempDir& temp, const std::string& name,
                          const std::string& padding_side);

}  // namespace espy::encoders

#endif  // ESPY_TESTS_ENCODERS_TINY_MODEL_H_
