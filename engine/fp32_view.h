// A view of a space that keeps its vectors in FP32. The index holds them in FP16 and says which may
// be among the best; their scores are of the FP32 vectors, read from the store as of the view's
// moment, and so is their order (docs/decisions/0093).
//
// Threads: any.
#ifndef ESPY_ENGINE_FP32_VIEW_H_
#define ESPY_ENGINE_FP32_VIEW_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/vector_index.h"
#include "storage/store.h"

namespace espy {

class Fp32View final : public index::View {
 public:
  // The store must outlive it; the snapshot is of the view's moment.
  Fp32View(std::shared_ptr<const index::View> half, const storage::SpaceRow& space,
           storage::Store* store, std::shared_ptr<const storage::Snapshot> snapshot)
      : half_(std::move(half)),
        space_(space.number),
        dimension_(space.dimension),
        store_(store),
        snapshot_(std::move(snapshot)) {}

  std::uint64_t seq() const override { return half_->seq(); }
  std::int64_t live_rows() const override { return half_->live_rows(); }
  bool on_device() const override { return false; }  // a query's numbers are needed here
  Result<std::vector<index::Candidate>> Search(std::span<const float> query,
                                               const index::SearchParams& params) const override;
  Result<std::vector<index::Candidate>> SearchFromDevice(
      const float* query, const index::SearchParams& params) const override;
  Result<std::vector<std::vector<index::Candidate>>> SearchBatch(
      std::span<const float> queries, const index::SearchParams& params) const override;
  std::vector<std::uint64_t> LiveIds() const override { return half_->LiveIds(); }
  std::string Plan(const index::SearchParams& params) const override;

 private:
  // The k best of `found`, which the FP16 index gave when asked for `wide`; whether no row that it
  // left out can be better.
  Result<std::pair<std::vector<index::Candidate>, bool>> Score(
      std::span<const float> query, std::int64_t k, std::int64_t wide,
      std::vector<index::Candidate> found) const;

  const std::shared_ptr<const index::View> half_;
  const storage::SpaceNumber space_;
  const std::int64_t dimension_;
  storage::Store* const store_;
  const std::shared_ptr<const storage::Snapshot> snapshot_;
};

// How far the score of an FP16 row of `dimension` numbers may be from that of the unit vector that
// it was rounded from, for a query of the given length.
float Fp32Slack(std::int64_t dimension, double query_length);

}  // namespace espy

#endif  // ESPY_ENGINE_FP32_VIEW_H_
