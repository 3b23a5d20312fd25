// VectorIndex as segments: sealed ones that storage also holds, frozen ones that wait to be sealed,
// and one growing. Writing and publishing are in segmented_index.cc, sealing and merging in
// maintain.cc, merging at rest in consolidate.cc.
#ifndef ESPY_INDEX_SEGMENTED_INDEX_H_
#define ESPY_INDEX_SEGMENTED_INDEX_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "index/segment.h"
#include "index/segment_format.h"
#include "index/vector_index.h"
#include "index/view.h"

namespace espy::index {

class SegmentedIndex final : public VectorIndex {
 public:
  SegmentedIndex(const IndexOptions& options, SegmentStore* store, bool read_only);

  // Takes over what the manifest names; deletes what it does not (not when read_only).
  Status Load();

  std::uint64_t applied_seq() const override;
  Status ReadRows() override;
  void Add(std::uint64_t seq, std::uint64_t id, std::span<const std::uint16_t> half) override;
  void AddNew(std::uint64_t seq, std::uint64_t id, std::span<const std::uint16_t> half) override;
  void Remove(std::uint64_t seq, std::uint64_t id) override;
  void Publish(std::uint64_t seq) override;
  std::shared_ptr<const View> TakeView() const override;
  bool NeedsMaintenance() const override;
  Status SealFull(std::uint64_t seq, std::stop_token stop) override;
  Status Maintain(bool everything, std::stop_token stop) override;
  bool NeedsConsolidation() const override;
  Status Consolidate(std::stop_token stop) override;
  IndexStats stats() const override;

 private:
  using SegmentPtr = std::shared_ptr<Segment>;
  // Segments whose rows are written anew as one. Inputs are as segments_ has them; frozen ones
  // oldest first.
  using Job = std::vector<SegmentPtr>;
  // Where each row of a job's output came from.
  struct Origin {
    Segment* segment = nullptr;
    std::int64_t row = 0;
  };

  // With write_mutex_ held:
  void Kill(std::uint64_t seq, std::uint64_t id);
  void Append(std::uint64_t id, std::span<const std::uint16_t> half);
  void FreezeGrowing();
  void RebuildView();
  bool IsReady(const Segment& frozen) const { return frozen.published_rows == frozen.rows(); }
  std::vector<SegmentPtr> ReadyFrozen() const;
  std::vector<Job> PlanJobs(bool everything) const;
  std::vector<Job> PlanConsolidation() const;
  std::int64_t MostRows() const;  // of a segment that is made of others
  bool BuildsOnDisk() const;      // the kind, or because the memory budget asks for it
  std::int64_t LiveRows(const Segment& segment) const {
    return segment.rows() - segment.dead_rows();
  }

  // With maintain_mutex_ held:
  Status Run(const Job& job, std::stop_token stop);
  Result<SegmentPtr> BuildOutput(const Job& job, std::uint64_t seq, std::vector<Origin>* origins,
                                 std::stop_token stop);
  // `seq` is a published number: of the rows dead then, no more is heard.
  Status WriteManifest(const std::vector<SegmentPtr>& sealed, std::uint64_t seq,
                       std::uint64_t applied_seq);
  void SwapIn(const Job& job, const SegmentPtr& output, const std::vector<Origin>& origins,
              std::uint64_t applied_seq);
  Status ChooseNextSegment();
  void SetKind(IndexKind kind);
  // build_options_, with kDisk where the memory budget asks for it.
  IndexOptions OptionsForBuild();
  // Deleting is never an error: what stays takes space until the next opening tries again.
  void DeleteStored(const std::vector<std::uint64_t>& numbers);
  void SweepOrphans(const std::vector<SegmentPtr>& kept);

  const IndexOptions options_;
  SegmentStore* const store_;
  const bool read_only_;

  std::mutex maintain_mutex_;       // held through a whole Maintain; before write_mutex_
  std::uint64_t next_segment_ = 0;  // guarded by maintain_mutex_; 0: not known yet
  IndexOptions build_options_;      // guarded by maintain_mutex_: options_ with the index's kind
  std::atomic<IndexKind> kind_;     // that of build_options_, for stats
  bool replaces_stored_ =
      false;  // guarded by maintain_mutex_: made by Empty, and no manifest written yet

  mutable std::mutex write_mutex_;  // never held over I/O or a search
  std::vector<SegmentPtr>
      segments_;           // guarded: sealed in any order, then frozen oldest first; changes only
                           // under maintain_mutex_ too, except that freezing appends
  SegmentPtr growing_;     // guarded
  std::int64_t live_ = 0;  // guarded: rows alive after the last change
  std::int64_t published_live_ = 0;  // guarded
  std::uint64_t published_seq_ = 0;  // guarded
  std::uint64_t applied_seq_ = 0;    // guarded
  bool frozen_unpublished_ =
      false;            // guarded: the growing segment filled up since the last publication
  bool dirty_ = false;  // guarded: changes since the last publication
  std::shared_ptr<const SegmentView> view_;  // guarded
  bool far_ = false;                         // guarded: a part of it has no rows in memory
  bool rows_missing_ = false;                // guarded: until ReadRows

  friend class VectorIndex;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_SEGMENTED_INDEX_H_
