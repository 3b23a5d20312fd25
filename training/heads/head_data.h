// Captions of a frozen decoder, with the hidden states that it said them from.
#ifndef ESPY_TRAINING_HEADS_HEAD_DATA_H_
#define ESPY_TRAINING_HEADS_HEAD_DATA_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy::training {

// Texts lie one after the other in rows. Row t of a text is its token x_t, the prompt and the end
// token among them, and h_t, what the decoder's last layer gives for it. Self-distilled: x_{t+1} is
// what the decoder itself says after x_t, from the end of the prompt on.
struct HeadData {
  std::int64_t width = 0;
  std::int64_t vision_width = 0;
  std::int64_t image_tokens = 0;       // a picture's; 0: no pictures (Medusa needs none)
  std::vector<std::int64_t> tokens;    // [rows]
  std::vector<float> hidden;           // [rows, width]
  std::vector<std::int64_t> lengths;   // [texts], of at least 1
  std::vector<std::int64_t> pictures;  // [texts]: which picture a text is of
  std::vector<float> images;  // [pictures, image_tokens, vision_width]: what the vision tower gives

  std::int64_t texts() const { return static_cast<std::int64_t>(lengths.size()); }
};

// Reads a safetensors file with the tensors `tokens`, `lengths` and `pictures` (I64), `hidden`
// [rows, width] and `images` [pictures, image_tokens, vision_width] (F32, F16 or BF16); pictures
// and images may be missing together. Corruption, naming the file and the tensor, when a shape, a
// sum or a number does not fit; tokens are below `vocabulary`.
Result<HeadData> ReadHeadData(const std::string& path, std::int64_t vocabulary);

// Some of the texts, in the order given, with their pictures' rows gathered anew.
struct HeadBatch {
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> lengths;
  std::vector<std::int64_t> first_row;  // of each text, in the batch
  std::vector<float> hidden;            // [rows, width]
  std::vector<std::int64_t> pictures;   // of each text: which of the batch's pictures
  std::vector<float> images;            // [pictures of the batch * image_tokens, vision_width]
  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};
HeadBatch GatherTexts(const HeadData& data, std::span<const std::int64_t> first_rows,
                      std::span<const std::int64_t> texts);

// The row of `data` that each text begins at.
std::vector<std::int64_t> FirstRows(const HeadData& data);

}  // namespace espy::training

#endif  // ESPY_TRAINING_HEADS_HEAD_DATA_H_
