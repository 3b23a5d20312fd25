// The usual published models by short names, with what their cards say of them.
//
// A name stands for a repository of the Hugging Face hub whose weights are safetensors. Where the
// first publisher has a pickle alone (openai/clip-vit-base-patch32 and its like), it is the
// repository that open_clip fetches the same weights from.
#ifndef ESPY_ENCODERS_KNOWN_MODELS_H_
#define ESPY_ENCODERS_KNOWN_MODELS_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace espy::encoders {

struct KnownModel {
  std::string_view name;        // "clip-b32"
  std::string_view repository;  // "timm/vit_base_patch32_clip_224.openai"
  std::string_view family;      // "clip", "siglip", "siglip2"
  std::int64_t dimension;
  std::int64_t image_size;   // pixels a side; of a NaFlex model, of the square it was learned for
  std::int64_t context;      // tokens
  std::uint64_t megabytes;   // what a pull fetches, within about one in a hundred
  std::string_view licence;  // as the repository's card tags it
  // Where the first publisher has the same weights, when that is elsewhere; else "".
  std::string_view publisher = "";
};

// Sorted by family and size.
std::span<const KnownModel> KnownModels();
// nullptr when there is none.
const KnownModel* FindKnownModel(std::string_view name);
const KnownModel* FindKnownRepository(std::string_view repository);
const KnownModel* FindKnownPublisher(std::string_view repository);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_KNOWN_MODELS_H_
