#include "index/device_search.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "base/logging.h"
#include "base/status_macros.h"
#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/search.h"

namespace espy::index {
namespace {

using cuda::DeviceBuffer;

// A segment as the device has it. Rows are appended as the segment's are, and never change.
struct Mirror {
  std::weak_ptr<const Segment> segment;
  std::uint64_t bytes = 0;
  DeviceBuffer halves;    // [capacity, padded]
  DeviceBuffer ids;       // [capacity]; none for a sealed segment, whose rows are in their order
  std::int64_t rows = 0;  // uploaded
  // Which rows were alive for the last reader that asked.
  DeviceBuffer alive;
  std::uint64_t alive_seq = 0;
  std::int64_t alive_rows = -1;
};

std::size_t MaskWords(std::int64_t rows) { return static_cast<std::size_t>((rows + 31) / 32); }

// Memory that grows to what is asked for and is kept.
Status Grow(DeviceBuffer* buffer, std::size_t bytes) {
  if (buffer->bytes() >= bytes) return Status::Ok();
  *buffer = DeviceBuffer();  // the old one's room may be needed
  ESPY_ASSIGN_OR_RETURN(*buffer, DeviceBuffer::Allocate(bytes + bytes / 4));
  return Status::Ok();
}

class OnDevice final : public DeviceSearch {
 public:
  OnDevice(cuda::DeviceInfo info, const DeviceSearchOptions& options)
      : info_(std::move(info)),
        cap_(options.memory_bytes > 0 ? options.memory_bytes : info_.memory / 2),
        least_rows_(options.least_rows),
        least_allowed_(options.least_allowed) {}

  std::string name() const override { return info_.name; }
  std::uint64_t memory_bytes() const override { return used_.load(std::memory_order_relaxed); }
  bool Takes(std::int64_t rows, std::int64_t allowed, std::int64_t k) const override {
    return !lost_.load(std::memory_order_relaxed) && rows >= least_rows_ &&
           allowed >= least_allowed_ && k <= cuda::kMostSearchK;
  }

  Status Read(const float* query, std::int64_t n, float* to) const override {
    return cuda::DownloadFrom(query, to, static_cast<std::size_t>(n) * sizeof(float));
  }

  Status Search(const std::vector<DevicePart>& parts, const DeviceQuery& query, std::int64_t k,
                TopK* top, std::vector<bool>* searched) override {
    searched->assign(parts.size(), false);
    if (parts.empty()) return Status::Ok();
    std::lock_guard lock(mutex_);
    if (lost_.load(std::memory_order_relaxed)) return Status::Unavailable("the GPU was lost");
    std::vector<std::vector<Candidate>> found(parts.size());
    const Status status = SearchParts(parts, query, k, &found, searched);
    if (!status.ok()) {
      searched->assign(parts.size(), false);
      lost_.store(true, std::memory_order_relaxed);
      mirrors_.clear();
      used_.store(0, std::memory_order_relaxed);
      Log(LogLevel::kWarning,
          "search on " + info_.name + ": " + status.message() + "; going on with the CPU");
      return status;
    }
    for (const std::vector<Candidate>& candidates : found) {
      for (const Candidate& candidate : candidates) top->Add(candidate.score, candidate.id);
    }
    return Status::Ok();
  }

 private:
  Status SearchParts(const std::vector<DevicePart>& parts, const DeviceQuery& query, std::int64_t k,
                     std::vector<std::vector<Candidate>>* found, std::vector<bool>* searched) {
    Sweep();
    const float* asked = query.data;
    if (!query.on_device) {
      const auto bytes = static_cast<std::size_t>(parts[0].segment->padded()) * sizeof(float);
      ESPY_RETURN_IF_ERROR(Grow(&query_, bytes));
      ESPY_RETURN_IF_ERROR(query_.UploadPart(0, query.data, bytes));
      asked = static_cast<const float*>(query_.data());
    }
    const auto answers = parts.size() * static_cast<std::size_t>(k);
    ESPY_RETURN_IF_ERROR(Grow(&scores_, answers * 4));
    ESPY_RETURN_IF_ERROR(Grow(&rows_, answers * 4));
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Status status = SearchPart(parts[i], asked, k, static_cast<std::int64_t>(i) * k);
      if (status.code() == StatusCode::kResourceExhausted) {
        if (!std::exchange(said_full_, true)) {
          Log(LogLevel::kWarning, "search on " + info_.name + ": " + status.message() +
                                      "; the CPU searches what does not fit");
        }
        continue;
      }
      ESPY_RETURN_IF_ERROR(status);
      (*searched)[i] = true;
    }
    std::vector<float> scores(answers);
    std::vector<std::int32_t> rows(answers);
    ESPY_RETURN_IF_ERROR(scores_.DownloadPart(0, scores.data(), answers * 4));
    ESPY_RETURN_IF_ERROR(rows_.DownloadPart(0, rows.data(), answers * 4));
    for (std::size_t i = 0; i < answers; ++i) {
      const std::size_t part = i / static_cast<std::size_t>(k);
      if (!(*searched)[part] || rows[i] < 0) continue;
      (*found)[part].push_back({scores[i], parts[part].segment->Id(rows[i])});
    }
    return Status::Ok();
  }

  // Queues the search of one part; its answer goes to the places from `at` on.
  Status SearchPart(const DevicePart& part, const float* query, std::int64_t k, std::int64_t at) {
    ESPY_ASSIGN_OR_RETURN(Mirror * mirror, MirrorOf(part));
    cuda::SearchRows in{.halves = mirror->halves.data(),
                        .rows = part.rows,
                        .width = static_cast<std::int32_t>(part.segment->padded()),
                        .ids = static_cast<const std::uint64_t*>(mirror->ids.data())};
    if (part.allowed) {
      RowMask mask(MaskWords(part.rows), 0);
      part.allowed(&mask);
      ESPY_RETURN_IF_ERROR(Grow(&allowed_, mask.size() * 4));
      // Waits for the search before, whose mask this one takes the place of.
      ESPY_RETURN_IF_ERROR(allowed_.UploadPart(0, mask.data(), mask.size() * 4));
      in.allowed = static_cast<const std::uint32_t*>(allowed_.data());
    } else if (part.segment->dead_rows() > 0) {
      ESPY_RETURN_IF_ERROR(UploadAlive(part, mirror));
      in.allowed = static_cast<const std::uint32_t*>(mirror->alive.data());
    }
    const cuda::SearchArgs args{.in = in,
                                .queries = query,
                                .count = 1,
                                .k = static_cast<std::int32_t>(k),
                                .scores = static_cast<float*>(scores_.data()) + at,
                                .rows = static_cast<std::int32_t*>(rows_.data()) + at};
    constexpr auto kKernel = cuda::SearchKernel::kRows;
    ESPY_RETURN_IF_ERROR(Grow(&workspace_, cuda::SearchWorkspace(args, kKernel)));
    return cuda::Search(args, kKernel, workspace_.data(), nullptr);
  }

  Status UploadAlive(const DevicePart& part, Mirror* mirror) {
    if (mirror->alive_seq == part.seq && mirror->alive_rows == part.rows) return Status::Ok();
    RowMask mask(MaskWords(part.rows), 0);
    for (std::int64_t row = 0; row < part.rows; ++row) {
      if (part.segment->AliveAt(row, part.seq)) {
        mask[static_cast<std::size_t>(row / 32)] |= 1u << row % 32;
      }
    }
    mirror->alive_rows = -1;
    ESPY_RETURN_IF_ERROR(mirror->alive.UploadPart(0, mask.data(), mask.size() * 4));
    mirror->alive_seq = part.seq;
    mirror->alive_rows = part.rows;
    return Status::Ok();
  }

  // The segment's rows on the device, as far as the part has them.
  Result<Mirror*> MirrorOf(const DevicePart& part) {
    const Segment& segment = *part.segment;
    const auto made = mirrors_.find(&segment);
    if (made == mirrors_.end()) ESPY_RETURN_IF_ERROR(MakeMirror(part.segment));
    Mirror& mirror = mirrors_.at(&segment);
    const std::int64_t row_bytes = segment.padded() * 2;
    while (mirror.rows < part.rows) {
      // What lies in one piece.
      const std::int64_t block_end =
          (mirror.rows / segment.block_rows() + 1) * segment.block_rows();
      const std::int64_t n = std::min(block_end, part.rows) - mirror.rows;
      ESPY_RETURN_IF_ERROR(mirror.halves.UploadPart(
          static_cast<std::size_t>(mirror.rows * row_bytes), segment.Row(mirror.rows),
          static_cast<std::size_t>(n * row_bytes)));
      if (!segment.sealed()) {
        std::vector<std::uint64_t> ids(static_cast<std::size_t>(n));
        for (std::int64_t i = 0; i < n; ++i) {
          ids[static_cast<std::size_t>(i)] = segment.Id(mirror.rows + i);
        }
        ESPY_RETURN_IF_ERROR(mirror.ids.UploadPart(static_cast<std::size_t>(mirror.rows) * 8,
                                                   ids.data(), ids.size() * 8));
      }
      mirror.rows += n;
    }
    return &mirror;
  }

  Status MakeMirror(const std::shared_ptr<const Segment>& segment) {
    const auto capacity = static_cast<std::uint64_t>(segment->capacity());
    const std::uint64_t of_rows = capacity * static_cast<std::uint64_t>(segment->padded()) * 2;
    const std::uint64_t of_ids = segment->sealed() ? 0 : capacity * 8;
    const std::uint64_t of_mask = MaskWords(segment->capacity()) * 4;
    const std::uint64_t bytes = of_rows + of_ids + of_mask;
    const std::uint64_t used = used_.load(std::memory_order_relaxed);
    if (bytes > cap_ || used > cap_ - bytes) {
      return Status::ResourceExhausted("a segment of " + std::to_string(bytes) +
                                       " bytes passes the limit of " + std::to_string(cap_) +
                                       ", of which " + std::to_string(used) + " are taken");
    }
    Mirror mirror;
    mirror.segment = segment;
    mirror.bytes = bytes;
    ESPY_ASSIGN_OR_RETURN(mirror.halves, DeviceBuffer::Allocate(of_rows));
    if (of_ids > 0) {
      ESPY_ASSIGN_OR_RETURN(mirror.ids, DeviceBuffer::Allocate(of_ids));
    }
    ESPY_ASSIGN_OR_RETURN(mirror.alive, DeviceBuffer::Allocate(of_mask));
    mirrors_.emplace(segment.get(), std::move(mirror));
    used_.store(used + bytes, std::memory_order_relaxed);
    return Status::Ok();
  }

  // Frees what no view has any more. Before anything is looked up: an address may be a new
  // segment's.
  void Sweep() {
    std::uint64_t freed = 0;
    std::erase_if(mirrors_, [&](const auto& entry) {
      if (!entry.second.segment.expired()) return false;
      freed += entry.second.bytes;
      return true;
    });
    used_.store(used_.load(std::memory_order_relaxed) - freed, std::memory_order_relaxed);
  }

  const cuda::DeviceInfo info_;
  const std::uint64_t cap_;
  const std::int64_t least_rows_, least_allowed_;
  std::atomic<bool> lost_{false};
  std::atomic<std::uint64_t> used_{0};

  std::mutex mutex_;                          // held through a search
  std::map<const Segment*, Mirror> mirrors_;  // guarded, as is all below
  DeviceBuffer query_, scores_, rows_, allowed_, workspace_;
  bool said_full_ = false;
};

}  // namespace

Result<std::shared_ptr<DeviceSearch>> OpenDeviceSearch(const DeviceSearchOptions& options) {
  ESPY_ASSIGN_OR_RETURN(cuda::DeviceInfo info, cuda::FindDevice());
  return std::shared_ptr<DeviceSearch>(std::make_shared<OnDevice>(std::move(info), options));
}

}  // namespace espy::index
