// limits: what a library may take of the machine, kept with it and looked at before anything is
// taken in.
#include <sys/statvfs.h>

#include <algorithm>

#include "base/status_macros.h"
#include "engine/library_impl.h"

namespace espy {
namespace {

constexpr char kDiskQuota[] = "disk_quota";
constexpr char kMemoryBudget[] = "memory_budget";
constexpr char kAutoCompactOff[] = "auto_compact_off";

constexpr std::uint64_t kMostReserve = 256u << 20;
// Tables are written out while the log that holds the same is still there.
constexpr std::uint64_t kTwice = 2;
// Of a row in a sealed segment beside its vector: its id and the links of a graph.
constexpr std::uint64_t kSegmentRowBytes = 300;
// The growing segment takes memory for so many rows at once.
constexpr std::uint64_t kBlockRows = 1024;

std::string Megabytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MB";
}

// What others may need of the disk: a library that fills it up harms more than itself.
Status RequireDisk(const std::string& path, std::uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return Status::Ok();  // the write will tell
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t size = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  const std::uint64_t needed = kTwice * bytes + std::min(kMostReserve, size / 50);
  if (free >= needed) return Status::Ok();
  return Status::IoError(path + ": its disk has " + Megabytes(free) + " left, and " +
                         Megabytes(needed) +
                         " are needed to go on safely; free space on it, then "
                         "run it again");
}

}  // namespace

Status Library::Impl::OpenLimits() {
  const auto open = [this](const char* name, const std::optional<std::uint64_t>& given,
                           std::uint64_t* limit) -> Status {
    ESPY_ASSIGN_OR_RETURN(*limit, store->GetSetting(name));
    if (!given || *given == *limit) return Status::Ok();
    *limit = *given;
    return options.read_only ? Status::Ok() : store->PutSetting(name, *given);
  };
  ESPY_RETURN_IF_ERROR(open(kDiskQuota, options.disk_quota, &disk_quota_));
  std::uint64_t off = 0;  // what is not kept yet is on
  const std::optional<std::uint64_t> given =
      options.auto_compact ? std::optional<std::uint64_t>(*options.auto_compact ? 0 : 1)
                           : std::nullopt;
  ESPY_RETURN_IF_ERROR(open(kAutoCompactOff, given, &off));
  auto_compact_ = off == 0;
  return open(kMemoryBudget, options.memory_budget, &memory_budget_);
}

Status Library::Impl::RequireRoomLocked(std::uint64_t bytes) {
  ESPY_RETURN_IF_ERROR(RequireDisk(path, bytes));
  if (disk_quota_ == 0 && memory_budget_ == 0) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, Current());
  ESPY_RETURN_IF_ERROR(OpenIndexLocked(current.get()));
  const index::IndexStats stats = current->index->stats();
  const storage::SpaceRow& space = current->row;
  const auto row_bytes = 2 * static_cast<std::uint64_t>(space.dimension) + kSegmentRowBytes;
  if (memory_budget_ != 0 && stats.memory_bytes + bytes + kBlockRows * row_bytes > memory_budget_) {
    return Status::ResourceExhausted(path + ": its index takes " + Megabytes(stats.memory_bytes) +
                                     " of memory, and " + Megabytes(memory_budget_) +
                                     " are allowed; forget what is not needed and run `espy "
                                     "compact`, or allow more with --memory-budget");
  }
  if (disk_quota_ == 0) return Status::Ok();
  const std::uint64_t to_seal = stats.growing_rows * row_bytes;
  const auto total = [&] { return disk_known_ + disk_since_ + to_seal + kTwice * bytes; };
  // Looking takes longer than a commit, so it is done when enough has been taken in to matter, and
  // before saying no.
  if (disk_since_ > disk_quota_ / 64 || total() > disk_quota_) {
    ESPY_ASSIGN_OR_RETURN(disk_known_, store->DiskBytes());
    disk_since_ = 0;
  }
  if (total() > disk_quota_) {
    return Status::ResourceExhausted(
        path + ": takes " + Megabytes(disk_known_) + " of disk, " + Megabytes(to_seal) +
        " more are coming with its index, and " + Megabytes(disk_quota_) +
        " are allowed; forget what is not needed and run `espy compact`, or allow more with "
        "--disk-quota");
  }
  disk_since_ += bytes;
  return Status::Ok();
}

}  // namespace espy
