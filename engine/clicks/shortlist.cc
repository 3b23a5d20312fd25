#include "engine/clicks/shortlist.h"

#include "base/status_macros.h"

namespace espy::clicks {
namespace {

constexpr double kSecondsADay = 86'400;

}  // namespace

Result<HeldShortlist> MakeShortlist(Library::Impl* library, storage::SpaceNumber space,
                                    std::span<const float> question,
                                    std::span<const storage::PageCandidate> page,
                                    std::int64_t now_unix, const storage::Snapshot* snapshot) {
  HeldShortlist held;
  held.question_.assign(question.begin(), question.end());
  held.vectors_.resize(page.size());
  held.shortlist_.question = held.question_;
  for (std::size_t i = 0; i < page.size(); ++i) {
    ranking::Candidate candidate;
    candidate.item = page[i].item;
    candidate.dense = page[i].dense;
    candidate.text = page[i].text;
    candidate.match = page[i].match;
    const Result<Record> record = library->store->GetItem(page[i].item, snapshot);
    if (record.ok()) {
      const std::int64_t made = record->taken_unix.value_or(record->modified_unix);
      if (made > 0 && made <= now_unix) {
        candidate.age_days = static_cast<double>(now_unix - made) / kSecondsADay;
      }
      candidate.look = record->perceptual_hash;
    } else if (record.status().code() != StatusCode::kNotFound) {
      return record.status();
    }
    std::vector<std::uint16_t> half;
    const Status read = library->store->GetVector(space, page[i].item, &half, snapshot);
    if (read.ok() && half.size() == question.size()) {
      held.vectors_[i] = UnitFromHalf(half);
    } else if (!read.ok() && read.code() != StatusCode::kNotFound) {
      return read;
    }
    candidate.vector = held.vectors_[i];
    held.shortlist_.candidates.push_back(candidate);
  }
  return held;
}

}  // namespace espy::clicks
