// Captioner's captions, with whatever drafts there are for them.
#ifndef ESPY_CAPTIONING_DRAFTS_DRAFTED_CAPTIONER_H_
#define ESPY_CAPTIONING_DRAFTS_DRAFTED_CAPTIONER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "captioning/captioner.h"
#include "captioning/drafts/heads_drafter.h"
#include "captioning/drafts/speculation.h"
#include "captioning/drafts/text_drafter.h"

namespace espy::captioning {

// The files that a model's directory may have beside its weights.
struct DraftModels {
  std::unique_ptr<MedusaHeads> heads;  // null: no medusa_heads.safetensors
  std::unique_ptr<MtpModule> module;   // null: no mtp.safetensors
  // A file that is there and cannot be read, or is of another decoder, is an error.
  static Result<DraftModels> Load(const std::string& directory, const TextConfig& config,
                                  const encoders::TowerOptions& options);
};

// Keeps what it learns about drafts from call to call; one thread at a time, each with one of its
// own, all of one Captioner.
class DraftedCaptioner {
 public:
  // `captioner` must outlive it.
  static Result<std::unique_ptr<DraftedCaptioner>> Load(const Captioner* captioner,
                                                        SpeculationOptions options = {});

  // Captioner::CaptionPictures: with exact acceptance (the default) the same captions, whatever is
  // drafted, in no more steps. similar[i]: captions of pictures like picture i, the most alike
  // first; empty where none are known, and `similar` as a whole too.
  Result<std::vector<Caption>> CaptionPictures(
      std::span<const imaging::PictureView> pictures, const CaptionOptions& options = {},
      std::span<const std::vector<std::string>> similar = {});

  // Captioner::CaptionPixels, as above.
  Result<std::vector<Caption>> CaptionPixels(
      std::span<const imaging::PixelView> pictures, const CaptionOptions& options = {},
      std::span<const std::vector<std::string>> similar = {});

  bool has_heads() const { return models_.heads != nullptr || models_.module != nullptr; }
  // What drafts did so far.
  const SpeculationCounters& counters() const { return speculation_.counters(); }
  const SpeculationGate& gate(int pictures) const { return speculation_.Gate(pictures); }

 private:
  // The drafters of one place of a batch.
  struct Place {
    std::unique_ptr<HeadsDrafter> heads;  // null: none
    NeighbourDrafter neighbours;
    LookupDrafter lookup;
    std::unique_ptr<CombinedDrafter> heads_and_neighbours;  // null: no heads
  };

  DraftedCaptioner(const Captioner* captioner, SpeculationOptions options)
      : captioner_(captioner), speculation_(std::move(options)) {}
  Result<std::vector<Caption>> CaptionSome(std::span<const imaging::PictureView> pictures,
                                           const CaptionOptions& options,
                                           const std::vector<std::int32_t>& start,
                                           std::span<const std::vector<std::string>> similar);
  Place* PlaceAt(std::size_t i);
  Drafter* DrafterFor(std::size_t i, const std::vector<std::string>& similar,
                      const std::vector<std::int32_t>& start);
  std::vector<std::int32_t> Tokens(const std::string& caption,
                                   const std::vector<std::int32_t>& start) const;

  const Captioner* captioner_;
  DraftModels models_;
  Speculation speculation_;
  std::vector<std::unique_ptr<Place>> places_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_DRAFTED_CAPTIONER_H_
