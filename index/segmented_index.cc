#include "index/segmented_index.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "index/stored_rows.h"

namespace espy::index {

Result<std::unique_ptr<VectorIndex>> VectorIndex::Open(const IndexOptions& options,
                                                       SegmentStore* store, bool read_only) {
  auto index = std::make_unique<SegmentedIndex>(options, store, read_only);
  try {
    ESPY_RETURN_IF_ERROR(index->Load());
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("opening the index: not enough memory for its segments");
  }
  return std::unique_ptr<VectorIndex>(std::move(index));
}

std::unique_ptr<VectorIndex> VectorIndex::Empty(const IndexOptions& options, SegmentStore* store) {
  auto index = std::make_unique<SegmentedIndex>(options, store, false);
  index->replaces_stored_ = true;
  if (options.keep_kind) {
    // One that cannot be read has no kind to keep: this index is to replace it.
    const Result<std::string> bytes = store->ReadManifest();
    const Result<Manifest> stored = bytes.ok() ? ParseManifest(*bytes) : bytes.status();
    if (stored.ok()) index->SetKind(stored->kind);
  }
  return index;
}

SegmentedIndex::SegmentedIndex(const IndexOptions& options, SegmentStore* store, bool read_only)
    : options_(options),
      store_(store),
      read_only_(read_only),
      build_options_(options),
      kind_(options.kind) {
  ESPY_CHECK(options.dimension > 0 && options.seal_rows > 0,
             "an index has a dimension and a size to seal at");
  growing_ = Segment::Growing(options_.dimension, options_.seal_rows);
  RebuildView();
}

Status SegmentedIndex::Load() {
  const Result<std::string> bytes = store_->ReadManifest();
  if (!bytes.ok()) {
    if (bytes.status().code() != StatusCode::kNotFound) return bytes.status();
    if (read_only_) return Status::Ok();
    SweepOrphans({});
    if (options_.keep_kind || options_.kind == IndexKind::kAuto) return Status::Ok();
    // What was chosen for a new index is remembered before there is a segment of it.
    std::lock_guard lock(maintain_mutex_);
    ESPY_RETURN_IF_ERROR(ChooseNextSegment());
    return WriteManifest({}, 0, 0);
  }
  ESPY_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(*bytes));
  if (manifest.dimension != options_.dimension) {
    return Status::Corruption("the index has dimension " + std::to_string(manifest.dimension) +
                              ", and its space " + std::to_string(options_.dimension) +
                              "; run `espy rebuild`");
  }
  std::vector<SegmentPtr> segments;
  std::int64_t live = 0;
  // Segments that cover no change of the log are the beginning of a first build that was cut short.
  // Everything will be added again, and what was forgotten meanwhile must not come back.
  const bool begun_only = manifest.applied_seq == 0;
  for (const ManifestEntry& entry : manifest.segments) {
    if (begun_only) break;
    Result<SegmentPtr> segment =
        ReadSegment(entry, options_.dimension, options_.rows_stay && read_only_,
                    [&](std::uint32_t chunk) { return store_->ReadChunk(entry.number, chunk); });
    if (!segment.ok()) {
      // A chunk that is not there contradicts the manifest.
      const StatusCode code = segment.status().code() == StatusCode::kNotFound
                                  ? StatusCode::kCorruption
                                  : segment.status().code();
      return Status(code, "segment " + std::to_string(entry.number) + " of the index: " +
                              segment.status().message() + "; run `espy rebuild`");
    }
    if ((*segment)->row_index() != nullptr) {
      (*segment)->mutable_row_index()->Attach(entry.number);
    }
    for (const std::uint32_t row : entry.dead) (*segment)->Kill(row, manifest.applied_seq);
    live += LiveRows(**segment);
    segments.push_back(std::move(segment).value());
  }
  {
    std::lock_guard lock(write_mutex_);
    rows_missing_ = std::any_of(segments.begin(), segments.end(),
                                [](const SegmentPtr& segment) { return segment->rows_apart; });
    segments_ = segments;
    live_ = published_live_ = live;
    applied_seq_ = published_seq_ = manifest.applied_seq;
    RebuildView();
  }
  std::lock_guard lock(maintain_mutex_);
  next_segment_ = manifest.next_segment;
  SetKind(manifest.kind);
  if (!read_only_) SweepOrphans(segments);
  return Status::Ok();
}

Status SegmentedIndex::ReadRows() try {
  std::vector<SegmentPtr> segments;
  {
    std::lock_guard lock(write_mutex_);
    if (!rows_missing_) return Status::Ok();
    segments = segments_;
  }
  const std::shared_ptr<const RowReader> reader = store_->Rows();
  if (reader == nullptr) {
    return Status::Unsupported("the index keeps its rows in a store that has none");
  }
  const int threads = options_.threads > 0 ? options_.threads : CoreCount();
  ESPY_RETURN_IF_ERROR(FillRows(segments, *reader, threads));
  std::lock_guard lock(write_mutex_);
  rows_missing_ = false;
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return Status::ResourceExhausted("opening the index: not enough memory for its rows");
}

void SegmentedIndex::SetKind(IndexKind kind) { build_options_.kind = kind_ = kind; }

std::uint64_t SegmentedIndex::applied_seq() const {
  std::lock_guard lock(write_mutex_);
  return applied_seq_;
}

void SegmentedIndex::Add(std::uint64_t seq, std::uint64_t id, std::span<const std::uint16_t> half) {
  std::lock_guard lock(write_mutex_);
  Kill(seq, id);
  Append(id, half);
}

void SegmentedIndex::AddNew(std::uint64_t /*seq*/, std::uint64_t id,
                            std::span<const std::uint16_t> half) {
  std::lock_guard lock(write_mutex_);
  Append(id, half);
}

void SegmentedIndex::Append(std::uint64_t id, std::span<const std::uint16_t> half) {
  ESPY_CHECK(static_cast<std::int64_t>(half.size()) == options_.dimension,
             "a vector has the dimension of its space");
  if (growing_->full()) {
    // In the midst of what is not published yet: only what was published is known to be complete.
    growing_->covers_seq = published_seq_;
    FreezeGrowing();
    frozen_unpublished_ = true;
  }
  growing_->Append(id, half);
  ++live_;
  dirty_ = true;
}

void SegmentedIndex::Remove(std::uint64_t seq, std::uint64_t id) {
  std::lock_guard lock(write_mutex_);
  Kill(seq, id);
  dirty_ = true;
}

void SegmentedIndex::Kill(std::uint64_t seq, std::uint64_t id) {
  // At most one row of an id is alive; the newest segments are the likeliest to hold it.
  const auto kill_in = [&](Segment& segment) {
    const std::int64_t row = segment.FindAlive(id);
    if (row < 0) return false;
    segment.Kill(row, seq);
    --live_;
    return true;
  };
  if (kill_in(*growing_)) return;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (kill_in(**segment)) return;
  }
}

void SegmentedIndex::FreezeGrowing() {
  SegmentPtr next = Segment::Growing(options_.dimension, options_.seal_rows);
  segments_.push_back(std::move(growing_));  // throws before it moves
  growing_ = std::move(next);
}

void SegmentedIndex::Publish(std::uint64_t seq) {
  std::lock_guard lock(write_mutex_);
  ESPY_CHECK(seq >= published_seq_, "publications go forward");
  published_seq_ = seq;
  published_live_ = live_;
  dirty_ = false;
  for (const SegmentPtr& segment : segments_) segment->published_rows = segment->rows();
  growing_->published_rows = growing_->rows();
  // What was frozen in the midst of a batch is complete only together with the rest of the batch.
  if (growing_->full() || (frozen_unpublished_ && growing_->rows() > 0)) {
    growing_->covers_seq = seq;
    FreezeGrowing();
  }
  frozen_unpublished_ = false;
  RebuildView();
}

void SegmentedIndex::RebuildView() {
  std::vector<ViewPart> parts;
  parts.reserve(segments_.size() + 1);
  for (const SegmentPtr& segment : segments_) {
    if (segment->published_rows > 0) parts.push_back({segment, segment->published_rows});
  }
  if (growing_->published_rows > 0) parts.push_back({growing_, growing_->published_rows});
  far_ = std::any_of(parts.begin(), parts.end(),
                     [](const ViewPart& part) { return part.segment->far(); });
  view_ = std::make_shared<const SegmentView>(options_.dimension, published_seq_, published_live_,
                                              std::move(parts), options_.device);
}

std::shared_ptr<const View> SegmentedIndex::TakeView() const {
  std::lock_guard lock(write_mutex_);
  ESPY_CHECK(!rows_missing_, "an index's rows are read before it is searched");
  if (!far_) return view_;
  return std::make_shared<const SegmentView>(*view_, store_->Rows());
}

IndexStats SegmentedIndex::stats() const {
  std::lock_guard lock(write_mutex_);
  IndexStats stats;
  stats.kind = kind_;
  const auto count = [&](const Segment& segment) {
    stats.memory_bytes += segment.MemoryBytes();
    if (segment.sealed()) {
      ++stats.sealed_segments;
      stats.sealed_rows += static_cast<std::uint64_t>(segment.rows());
    } else {
      stats.growing_rows += static_cast<std::uint64_t>(segment.rows());
    }
    stats.dead_rows += static_cast<std::uint64_t>(segment.dead_rows());
  };
  for (const SegmentPtr& segment : segments_) count(*segment);
  count(*growing_);
  return stats;
}

}  // namespace espy::index
