// Sealing and merging are one operation: the live rows of some segments are written anew as one
// sealed segment, and the manifest that names it in their stead is the switch. Before that write,
// storage holds chunks that no manifest names; after it, chunks that no manifest names any more.
// Either kind is deleted when the index is next opened.
#include <algorithm>
#include <map>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "index/dot.h"
#include "index/hnsw_graph.h"
#include "index/row_reader.h"
#include "index/segmented_index.h"

namespace espy::index {

std::vector<std::shared_ptr<Segment>> SegmentedIndex::ReadyFrozen() const {
  std::vector<SegmentPtr> ready;
  for (const SegmentPtr& segment : segments_) {
    if (segment->sealed()) continue;
    if (!IsReady(*segment)) break;  // a later one must not be sealed before it
    ready.push_back(segment);
  }
  return ready;
}

std::vector<SegmentedIndex::Job> SegmentedIndex::PlanJobs(bool everything) const {
  std::vector<Job> jobs;
  // Frozen segments, several at once when they have piled up (a rebuild): one build instead of a
  // build and a merge.
  const std::int64_t most = everything && !BuildsOnDisk()
                                ? MostRows()
                                : options_.seal_rows * std::max(options_.merge_fan_in, 1);
  Job frozen;
  std::int64_t rows = 0;
  for (const SegmentPtr& segment : ReadyFrozen()) {
    if (!frozen.empty() && rows + LiveRows(*segment) > most) {
      jobs.push_back(std::exchange(frozen, {}));
      rows = 0;
    }
    rows += LiveRows(*segment);
    frozen.push_back(segment);
  }
  if (everything) {
    // Small sealed segments go with the last frozen ones, so that compacting leaves one small
    // segment at most.
    Job small = std::move(frozen);
    for (const SegmentPtr& segment : segments_) {
      if (!segment->sealed()) continue;
      if (LiveRows(*segment) < options_.seal_rows) {
        small.push_back(segment);
      } else if (segment->dead_rows() > 0) {
        jobs.push_back({segment});
      }
    }
    const bool nothing_to_gain =
        small.size() == 1 && small[0]->sealed() && small[0]->dead_rows() == 0;
    if (!small.empty() && !nothing_to_gain) jobs.push_back(std::move(small));
    return jobs;
  }
  if (!frozen.empty()) jobs.push_back(std::move(frozen));

  // Segments with too many dead, then groups of like size: sizes within a factor of the fan-in
  // share a class, so a row is rewritten once for each class it climbs.
  std::map<int, Job> classes;
  const std::int64_t fan_in = std::max(options_.merge_fan_in, 2);
  for (const SegmentPtr& segment : segments_) {
    if (!segment->sealed()) continue;
    // Rows whose death is not published yet cannot be dropped; only when the quick count is high
    // are they told apart.
    const double most_dead = options_.merge_dead_share * static_cast<double>(segment->rows());
    if (static_cast<double>(segment->dead_rows()) > most_dead &&
        static_cast<double>(segment->DeadAt(published_seq_)) > most_dead) {
      jobs.push_back({segment});
      continue;
    }
    int size_class = 0;
    for (std::int64_t n = LiveRows(*segment); n >= fan_in; n /= fan_in) ++size_class;
    Job& group = classes[size_class];
    group.push_back(segment);
    if (static_cast<std::int64_t>(group.size()) == fan_in) jobs.push_back(std::exchange(group, {}));
  }
  return jobs;
}

bool SegmentedIndex::NeedsMaintenance() const {
  if (read_only_) return false;
  std::lock_guard lock(write_mutex_);
  return !PlanJobs(false).empty();
}

Status SegmentedIndex::Maintain(bool everything, std::stop_token stop) try {
  if (read_only_) {
    return Status::InvalidArgument(
        "the index is open for reading only; open the library for writing");
  }
  std::lock_guard maintaining(maintain_mutex_);
  ESPY_RETURN_IF_ERROR(ChooseNextSegment());
  bool freeze = everything, changed = false;
  // A merge may make room for the next, so plan until nothing is left; compacting does its one
  // plan.
  for (bool again = true; again;) {
    std::vector<Job> jobs;
    {
      std::lock_guard lock(write_mutex_);
      if (std::exchange(freeze, false) && growing_->rows() > 0) {
        growing_->covers_seq = published_seq_;
        FreezeGrowing();
      }
      jobs = PlanJobs(everything);
    }
    for (const Job& job : jobs) {
      ESPY_RETURN_IF_ERROR(Run(job, stop));
      changed = true;
    }
    again = !everything && !jobs.empty();
  }
  if (everything) {
    std::vector<Job> jobs;
    {
      std::lock_guard lock(write_mutex_);
      jobs = PlanConsolidation();
    }
    for (const Job& job : jobs) {
      ESPY_RETURN_IF_ERROR(Run(job, stop));
      changed = true;
    }
  }

  std::vector<SegmentPtr> sealed;
  std::uint64_t seq = 0, applied = 0;
  {
    std::lock_guard lock(write_mutex_);
    ESPY_CHECK(!rows_missing_, "an index's rows are read before they are written anew");
    seq = published_seq_;
    applied = applied_seq_;
    for (const SegmentPtr& segment : segments_) {
      if (segment->sealed()) sealed.push_back(segment);
    }
    // With nothing left in memory, all that was published is in the segments: no log before it need
    // be replayed.
    const bool settled = !dirty_ && growing_->rows() == 0 && sealed.size() == segments_.size();
    if (everything && settled) applied = seq;
    changed = replaces_stored_ ? changed || everything : applied != applied_seq_;
  }
  if (!changed) return Status::Ok();
  ESPY_RETURN_IF_ERROR(WriteManifest(sealed, seq, applied));
  std::lock_guard lock(write_mutex_);
  applied_seq_ = applied;
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return Status::ResourceExhausted("maintaining the index: there is not enough memory");
}

Status SegmentedIndex::SealFull(std::uint64_t seq, std::stop_token stop) {
  std::lock_guard maintaining(maintain_mutex_);
  if (!replaces_stored_ || OptionsForBuild().kind != IndexKind::kDisk) return Status::Ok();
  std::vector<Job> jobs;
  {
    std::lock_guard lock(write_mutex_);
    std::int64_t rows = 0;
    for (const SegmentPtr& segment : segments_) rows += segment->sealed() ? 0 : segment->rows();
    if (rows < options_.seal_rows * std::max(options_.merge_fan_in, 1)) return Status::Ok();
    // What was added is complete as far as it goes: nobody sees it before the filling ends.
    published_seq_ = seq;
    for (const SegmentPtr& segment : segments_) segment->published_rows = segment->rows();
    Job job;
    for (const SegmentPtr& segment : segments_) {
      if (!segment->sealed()) job.push_back(segment);
    }
    jobs.push_back(std::move(job));
  }
  ESPY_RETURN_IF_ERROR(ChooseNextSegment());
  for (const Job& job : jobs) ESPY_RETURN_IF_ERROR(Run(job, stop));
  return Status::Ok();
}

Status SegmentedIndex::Run(const Job& job, std::stop_token stop) {
  if (stop.stop_requested()) return Status::Cancelled("maintaining the index: stopped");
  std::uint64_t seq = 0, applied = 0;
  std::vector<SegmentPtr> sealed;  // after this job
  {
    std::lock_guard lock(write_mutex_);
    seq = published_seq_;
    applied = applied_seq_;
    for (const SegmentPtr& segment : segments_) {
      const bool taken = std::find(job.begin(), job.end(), segment) != job.end();
      if (segment->sealed() && !taken) sealed.push_back(segment);
      // Frozen segments are sealed oldest first, so all changes up to this number are then in
      // sealed ones.
      if (!segment->sealed() && taken) applied = std::max(applied, segment->covers_seq);
    }
  }
  std::vector<Origin> origins;
  ESPY_ASSIGN_OR_RETURN(const SegmentPtr output, BuildOutput(job, seq, &origins, stop));
  if (output != nullptr) {
    output->number = next_segment_++;
    const RowIndex* row_index = output->row_index();
    output->rows_apart = !output->far() && store_->Rows() != nullptr &&
                         (row_index == nullptr || !row_index->ReadsDeadRows());
    const Status written = WriteSegment(output.get(), store_, stop);
    if (!written.ok()) {
      DeleteStored({output->number});
      return written;
    }
    sealed.push_back(output);
  }
  // After a failed write nobody knows whether storage has the old manifest or the new one, so
  // neither's chunks are touched; the next opening sees which it is.
  // An index that replaces another writes its manifest when Maintain is through: a half of it must
  // not take over.
  if (!replaces_stored_) ESPY_RETURN_IF_ERROR(WriteManifest(sealed, seq, applied));
  std::vector<std::uint64_t> replaced;
  for (const SegmentPtr& segment : job) {
    if (segment->sealed()) replaced.push_back(segment->number);
  }
  SwapIn(job, output, origins, applied);
  DeleteStored(replaced);
  return Status::Ok();
}

IndexOptions SegmentedIndex::OptionsForBuild() {
  IndexOptions options = build_options_;
  std::lock_guard lock(write_mutex_);
  if (BuildsOnDisk()) options.kind = IndexKind::kDisk;
  return options;
}

bool SegmentedIndex::BuildsOnDisk() const {
  const IndexKind kind = kind_.load();
  if (kind != IndexKind::kAuto || options_.memory_budget == 0) return kind == IndexKind::kDisk;
  // A row, its id, and 64 bytes of codes and links at the least.
  const auto row_bytes = static_cast<std::uint64_t>(2 * PaddedDimension(options_.dimension) + 72);
  return static_cast<std::uint64_t>(live_) * row_bytes > options_.memory_budget &&
         store_->Rows() != nullptr;
}

Result<std::shared_ptr<Segment>> SegmentedIndex::BuildOutput(const Job& job, std::uint64_t seq,
                                                             std::vector<Origin>* origins,
                                                             std::stop_token stop) {
  // Rows dead at `seq` are seen by no later view. A row that dies from now on is kept, and dies in
  // the output too.
  for (const SegmentPtr& segment : job) {
    for (std::int64_t row = 0; row < segment->rows(); ++row) {
      if (segment->AliveAt(row, seq)) origins->push_back({segment.get(), row});
    }
  }
  if (origins->empty()) return SegmentPtr();
  std::sort(origins->begin(), origins->end(), [](const Origin& a, const Origin& b) {
    return a.segment->Id(a.row) < b.segment->Id(b.row);
  });
  const auto rows = static_cast<std::int64_t>(origins->size());
  SegmentPtr output = Segment::Sealed(options_.dimension, rows);
  std::vector<std::uint64_t> far;  // ids of rows that are not in memory, and where they go
  std::vector<std::int64_t> far_rows;
  for (std::int64_t i = 0; i < rows; ++i) {
    const Origin& origin = (*origins)[i];
    output->sealed_ids()[i] = origin.segment->Id(origin.row);
    if (origin.segment->far()) {
      far.push_back(output->Id(i));
      far_rows.push_back(i);
      continue;
    }
    const std::uint16_t* from = origin.segment->Row(origin.row);
    std::copy(from, from + output->padded(), output->sealed_row(i));
  }
  if (!far.empty()) {
    const std::shared_ptr<const RowReader> reader = store_->Rows();
    if (reader == nullptr)
      return Status::Unsupported("the index keeps its rows in a store that has none");
    // One that is not there any more is forgotten: it dies before a view could look for it.
    for (const std::int64_t row : far_rows) {
      std::fill_n(output->sealed_row(row), output->padded(), std::uint16_t{0});
    }
    ESPY_RETURN_IF_ERROR(reader->Read(far, [&](std::size_t i, std::span<const std::uint16_t> half) {
      std::copy(half.begin(), half.end(), output->sealed_row(far_rows[i]));
    }));
  }
  ESPY_ASSIGN_OR_RETURN(auto row_index,
                        BuildRowIndex(output->half_rows(), OptionsForBuild(), stop));
  if (row_index != nullptr && row_index->kind() == IndexKind::kDisk) {
    const SegmentPtr kept = Segment::Far(options_.dimension, rows);
    std::copy_n(output->sealed_ids(), rows, kept->sealed_ids());
    output = kept;
  }
  output->set_row_index(std::move(row_index));
  return output;
}

Status SegmentedIndex::WriteManifest(const std::vector<SegmentPtr>& sealed, std::uint64_t seq,
                                     std::uint64_t applied_seq) {
  Manifest manifest;
  manifest.dimension = options_.dimension;
  manifest.applied_seq = applied_seq;
  manifest.next_segment = next_segment_;
  manifest.faiss_version = FaissVersion();
  manifest.kind = build_options_.kind;
  for (const SegmentPtr& segment : sealed) {
    ManifestEntry entry;
    entry.number = segment->number;
    entry.rows = static_cast<std::uint64_t>(segment->rows());
    entry.chunks = segment->chunks;
    entry.bytes = segment->stored_bytes;
    entry.crc = segment->crc;
    entry.kind = segment->kind();
    // Deaths up to the published number, which may be past applied_seq: an id has one living row
    // among the published ones, and so has one after opening. Later deaths are other numbers, so
    // this reads what no writer changes.
    for (std::int64_t row = 0; row < segment->rows(); ++row) {
      if (!segment->AliveAt(row, seq)) entry.dead.push_back(static_cast<std::uint32_t>(row));
    }
    manifest.segments.push_back(std::move(entry));
  }
  ESPY_RETURN_IF_ERROR(store_->WriteManifest(EncodeManifest(manifest)));
  if (std::exchange(replaces_stored_, false)) SweepOrphans(sealed);
  return Status::Ok();
}

void SegmentedIndex::SwapIn(const Job& job, const SegmentPtr& output,
                            const std::vector<Origin>& origins, std::uint64_t applied_seq) {
  std::lock_guard lock(write_mutex_);
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const std::uint64_t died = origins[i].segment->DiedAt(origins[i].row);
    if (died != kAlive) output->Kill(static_cast<std::int64_t>(i), died);
  }
  std::erase_if(segments_, [&](const SegmentPtr& segment) {
    return std::find(job.begin(), job.end(), segment) != job.end();
  });
  if (output != nullptr) segments_.insert(segments_.begin(), output);  // before the frozen ones
  applied_seq_ = applied_seq;
  RebuildView();
}

Status SegmentedIndex::ChooseNextSegment() {
  // Above everything stored, also above what a lost manifest may have named and what could not be
  // deleted.
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> stored, store_->ListSegments());
  for (const std::uint64_t number : stored) next_segment_ = std::max(next_segment_, number + 1);
  return Status::Ok();
}

void SegmentedIndex::DeleteStored(const std::vector<std::uint64_t>& numbers) {
  for (const std::uint64_t number : numbers) {
    if (const Status deleted = store_->DeleteSegment(number); !deleted.ok()) {
      Log(LogLevel::kWarning,
          "deleting segment " + std::to_string(number) + ": " + deleted.message());
    }
  }
}

void SegmentedIndex::SweepOrphans(const std::vector<SegmentPtr>& kept) {
  const Result<std::vector<std::uint64_t>> stored = store_->ListSegments();
  if (!stored.ok()) {
    Log(LogLevel::kWarning, "listing segments: " + stored.status().message());
    return;
  }
  std::vector<std::uint64_t> orphans;
  for (const std::uint64_t number : *stored) {
    const bool named = std::any_of(kept.begin(), kept.end(),
                                   [&](const SegmentPtr& s) { return s->number == number; });
    if (!named) orphans.push_back(number);
  }
  DeleteStored(orphans);
}

}  // namespace espy::index
