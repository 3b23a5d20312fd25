// Decoders of a few thousand random weights, and drafters that mean well or ill.
#ifndef ESPY_TESTS_CAPTIONING_DRAFTS_TINY_DECODERS_H_
#define ESPY_TESTS_CAPTIONING_DRAFTS_TINY_DECODERS_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/drafts/drafter.h"
#include "captioning/drafts/heads_drafter.h"
#include "captioning/generate.h"
#include "encoders/safetensors.h"

namespace espy::captioning {

struct TinySizes {
  std::int64_t width = 32;
  std::int64_t heads = 4;
  std::int64_t inter = 64;
  std::int64_t layers = 2;
  std::int64_t vocabulary = 60;
  std::int64_t context = 32;
  std::int64_t vision_width = 24;
};

// Weights by formula, all different with `seed`; with heads and a module of the same kind, whose
// guesses are as random. Token 1 begins a text and token 2 ends it.
struct TinyDecoder {
  TinyDecoder(const TinySizes& sizes, int seed,
              kernels::Precision precision = kernels::Precision::kFloat32,
              ThreadPool* pool = nullptr);

  TextConfig config;
  std::string bytes, medusa_bytes, mtp_bytes;
  std::unique_ptr<encoders::Safetensors> file;
  std::unique_ptr<TextDecoder> decoder;
  std::unique_ptr<MedusaHeads> heads;
  std::unique_ptr<MtpModule> module;

  static constexpr std::int64_t kImageTokens = 7;
  std::vector<float> Image(int number) const;
  // Generate's captions of these images, all in one call or each in one of its own.
  std::vector<Generated> Plain(const std::vector<std::vector<float>>& images,
                               const std::vector<std::vector<std::int32_t>>& starts,
                               const GenerateOptions& options) const;
};

// Proposes what it was told will come, each token with a chance to be another one, between wrong
// branches: every way in which a tree can be right and wrong.
class TellingDrafter : public Drafter {
 public:
  TellingDrafter(std::vector<std::int32_t> text, double wrong, unsigned seed,
                 std::int64_t vocabulary)
      : text_(std::move(text)), wrong_(wrong), random_(seed), vocabulary_(vocabulary) {}
  std::string_view name() const override { return "telling"; }
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t>) override {}

 private:
  std::vector<std::int32_t> text_;
  double wrong_;
  std::mt19937 random_;
  std::int64_t vocabulary_;
};

// Trees of any shape with any tokens, some outside of the vocabulary, and errors.
class HostileDrafter : public Drafter {
 public:
  HostileDrafter(unsigned seed, std::int64_t vocabulary) : random_(seed), vocabulary_(vocabulary) {}
  std::string_view name() const override { return "hostile"; }
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t>) override {}

 private:
  std::mt19937 random_;
  std::int64_t vocabulary_;
};

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_DRAFTS_TINY_DECODERS_H_
