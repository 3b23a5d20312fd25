// What draft heads use of a frozen BLIP decoder: its word embeddings and its vocabulary head.
#ifndef ESPY_TRAINING_HEADS_FROZEN_DECODER_H_
#define ESPY_TRAINING_HEADS_FROZEN_DECODER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/status.h"
#include "training/ops/activation.h"
#include "training/tape.h"

namespace espy::training {

// Shapes are [rows, columns] of a matrix as published; d is the width.
struct FrozenDecoder {
  std::int64_t width = 0;
  std::int64_t vision_width = 0;  // of a picture's tokens
  std::int64_t vocabulary = 0;
  std::int64_t heads = 0;
  std::int64_t inner = 0;  // of the MLP
  float eps = 1e-12f;      // of its LayerNorms
  Pointwise activation = Pointwise::kGelu;
  std::vector<float> words;             // [vocabulary, d], tied: embeddings and output
  std::vector<float> transform_weight;  // [d, d]
  std::vector<float> transform_bias, norm_weight, norm_bias;  // [d]
  std::vector<float> output_bias;                             // [vocabulary]

  // hidden [rows, d] -> logits [rows, vocabulary]: dense, activation, LayerNorm, product with the
  // words and the bias (transformers' BlipTextLMPredictionHead).
  Node* Logits(Tape& tape, Node* hidden) const;
};

// Of a BLIP model's directory as published: config.json's text_config and vision_config, and
// text_decoder's tensors in model.safetensors. Errors name the file and the key or tensor.
Result<FrozenDecoder> ReadFrozenDecoder(const std::string& directory);

}  // namespace espy::training

#endif  // ESPY_TRAINING_HEADS_FROZEN_DECODER_H_
