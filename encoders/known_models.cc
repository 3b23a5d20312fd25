#include "encoders/known_models.h"

#include <algorithm>

namespace espy::encoders {
namespace {

// Sizes are those of the files listed on the repositories' pages; where a page gave none, four
// bytes for each parameter of that architecture, and the tokenizer's files.
constexpr KnownModel kModels[] = {
    {"clip-b32", "timm/vit_base_patch32_clip_224.openai", "clip", 512, 224, 77, 610, "apache-2.0",
     "openai/clip-vit-base-patch32"},
    {"clip-b16", "timm/vit_base_patch16_clip_224.openai", "clip", 512, 224, 77, 604, "apache-2.0",
     "openai/clip-vit-base-patch16"},
    {"clip-l14", "timm/vit_large_patch14_clip_224.openai", "clip", 768, 224, 77, 1716, "apache-2.0",
     "openai/clip-vit-large-patch14"},
    {"clip-l14-336", "timm/vit_large_patch14_clip_336.openai", "clip", 768, 336, 77, 1717,
     "apache-2.0", "openai/clip-vit-large-patch14-336"},
    {"laion-b32", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "clip", 512, 224, 77, 609, "mit"},
    {"laion-l14", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "clip", 768, 224, 77, 1714, "mit"},
    {"laion-h14", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "clip", 1024, 224, 77, 3949, "mit"},
    {"siglip-b16-224", "google/siglip-base-patch16-224", "siglip", 768, 224, 64, 816, "apache-2.0"},
    {"siglip-b16-256", "google/siglip-base-patch16-256", "siglip", 768, 256, 64, 816, "apache-2.0"},
    {"siglip-b16-384", "google/siglip-base-patch16-384", "siglip", 768, 384, 64, 817, "apache-2.0"},
    {"siglip-b16-512", "google/siglip-base-patch16-512", "siglip", 768, 512, 64, 819, "apache-2.0"},
    {"siglip-l16-256", "google/siglip-large-patch16-256", "siglip", 1024, 256, 64, 2612,
     "apache-2.0"},
    {"siglip-l16-384", "google/siglip-large-patch16-384", "siglip", 1024, 384, 64, 2614,
     "apache-2.0"},
    {"siglip-so400m-224", "google/siglip-so400m-patch14-224", "siglip", 1152, 224, 64, 3513,
     "apache-2.0"},
    {"siglip-so400m-384", "google/siglip-so400m-patch14-384", "siglip", 1152, 384, 64, 3515,
     "apache-2.0"},
    {"siglip2-b16-224", "google/siglip2-base-patch16-224", "siglip", 768, 224, 64, 1540,
     "apache-2.0"},
    {"siglip2-b16-256", "google/siglip2-base-patch16-256", "siglip", 768, 256, 64, 1540,
     "apache-2.0"},
    {"siglip2-b16-384", "google/siglip2-base-patch16-384", "siglip", 768, 384, 64, 1541,
     "apache-2.0"},
    {"siglip2-b16-512", "google/siglip2-base-patch16-512", "siglip", 768, 512, 64, 1543,
     "apache-2.0"},
    {"siglip2-b16-naflex", "google/siglip2-base-patch16-naflex", "siglip2", 768, 256, 64, 1540,
     "apache-2.0"},
    {"siglip2-l16-256", "google/siglip2-large-patch16-256", "siglip", 1024, 256, 64, 3565,
     "apache-2.0"},
    {"siglip2-l16-384", "google/siglip2-large-patch16-384", "siglip", 1024, 384, 64, 3567,
     "apache-2.0"},
    {"siglip2-so400m-384", "google/siglip2-so400m-patch14-384", "siglip", 1152, 384, 64, 4583,
     "apache-2.0"},
    {"siglip2-so400m-naflex", "google/siglip2-so400m-patch16-naflex", "siglip2", 1152, 256, 64,
     4583, "apache-2.0"},
};

template <class Field>
const KnownModel* Find(Field KnownModel::*field, std::string_view value) {
  const auto* found = std::find_if(std::begin(kModels), std::end(kModels),
                                   [&](const KnownModel& model) { return model.*field == value; });
  return found == std::end(kModels) ? nullptr : found;
}

}  // namespace

std::span<const KnownModel> KnownModels() { return kModels; }
const KnownModel* FindKnownModel(std::string_view name) { return Find(&KnownModel::name, name); }
const KnownModel* FindKnownRepository(std::string_view repository) {
  return Find(&KnownModel::repository, repository);
}

const KnownModel* FindKnownPublisher(std::string_view repository) {
  return repository.empty() ? nullptr : Find(&KnownModel::publisher, repository);
}

}  // namespace espy::encoders
