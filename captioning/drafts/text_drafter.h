// Drafts without a model, from texts.
#ifndef ESPY_CAPTIONING_DRAFTS_TEXT_DRAFTER_H_
#define ESPY_CAPTIONING_DRAFTS_TEXT_DRAFTER_H_

#include <string_view>
#include <vector>

#include "captioning/drafts/acceptance_table.h"
#include "captioning/drafts/continuations.h"
#include "captioning/drafts/drafter.h"

namespace espy::captioning {

// Prompt lookup (Saxena 2023): the text's own earlier words, and any others it is given (what a
// library's captions say often). What follows the last tokens there, at most kLongest of them, is
// what may follow here.
class LookupDrafter : public Drafter {
 public:
  static constexpr int kLongest = 3;

  LookupDrafter() = default;
  explicit LookupDrafter(std::vector<DraftText> texts) : texts_(std::move(texts)) {}

  std::string_view name() const override { return "lookup"; }
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t> truth) override;
  const AcceptanceTable& reliability() const { return reliability_; }

 private:
  std::vector<DraftText> texts_;
  AcceptanceTable reliability_;
  DraftTree proposed_;
};

// Captions of the pictures most like this one, as draft paths: pictures that look alike are often
// said alike. They begin and end with the tokens that a caption begins and ends with, prompt
// included, so that at the start of a text each is followed from its own start; a caption whose
// beginning was left is found again by the words that it shares later on.
class NeighbourDrafter : public Drafter {
 public:
  static constexpr int kLongest = 64;  // a whole caption
  static constexpr int kMaxTexts = 64;

  std::string_view name() const override { return "neighbour"; }
  // Of the next picture, nearest first, weighted by nearness; more than kMaxTexts are left out.
  void SetCaptions(std::vector<DraftText> captions);
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t> truth) override;
  const AcceptanceTable& reliability() const { return reliability_; }

 private:
  std::vector<DraftText> captions_;
  AcceptanceTable reliability_;
  DraftTree proposed_;
};

// Several drafters as one: their trees merged, the likelier nodes first. Where one has nothing to
// say another may; a token that two propose is one node, with the greater chance. The drafters must
// outlive it.
class CombinedDrafter : public Drafter {
 public:
  explicit CombinedDrafter(std::vector<Drafter*> drafters) : drafters_(std::move(drafters)) {}

  std::string_view name() const override { return "combined"; }
  Status Begin(const DraftPicture& picture) override;
  Status Propose(const DraftContext& context, DraftTree* tree) override;
  void Observe(std::span<const std::int32_t> truth) override;

 private:
  std::vector<Drafter*> drafters_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_TEXT_DRAFTER_H_
