// import: vectors that another program made become items, a batch in one transaction.
#include "engine/import.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/half.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/out_of_memory.h"
#include "engine/picture.h"

namespace espy {
namespace {

// A vector rounded to half precision is within 2^-11 of the length that it had.
constexpr double kUnitSlack = 1.0 / 1024;
// One divided by its length in FP32 is within a few 2^-24 of length 1.
constexpr double kFp32UnitSlack = 1e-6;

// A row's record, path, hash and log entries on disk, roughly.
constexpr std::size_t kRowBytes = 400;

double LengthOf(std::span<const float> vector) {
  std::array<double, 8> sums{};  // eight chains of additions, so that none waits for the one before
  std::size_t i = 0;
  for (; i + 8 <= vector.size(); i += 8) {
    for (std::size_t j = 0; j < 8; ++j) {
      sums[j] += static_cast<double>(vector[i + j]) * vector[i + j];
    }
  }
  double squares = 0;
  for (; i < vector.size(); ++i) squares += static_cast<double>(vector[i]) * vector[i];
  for (const double sum : sums) squares += sum;
  return std::sqrt(squares);
}

// As it is stored, in either precision. False when it has no direction.
bool ToStored(std::span<const float> vector, std::vector<std::uint16_t>* half,
              std::vector<float>* fp32) {
  const double length = LengthOf(vector);
  if (!(length > 0) || !std::isfinite(length)) return false;
  half->resize(vector.size());
  fp32->assign(vector.begin(), vector.end());
  if (std::abs(length - 1) <= kUnitSlack) {
    std::vector<float> back(vector.size());
    FloatToHalf(vector.data(), vector.size(), half->data());
    HalfToFloat(half->data(), half->size(), back.data());
    if (std::equal(back.begin(), back.end(), vector.begin())) return true;
  }
  std::vector<float> unit(vector.begin(), vector.end());
  for (float& x : unit) x = static_cast<float>(x / length);
  FloatToHalf(unit.data(), unit.size(), half->data());
  // What was divided by its length in FP32 is kept as it came.
  if (std::abs(length - 1) > kFp32UnitSlack) *fp32 = std::move(unit);
  return true;
}

bool IsZero(const ContentHash& hash) {
  return std::all_of(hash.begin(), hash.end(), [](std::uint8_t byte) { return byte == 0; });
}

ContentHash HashOf(const std::vector<std::uint16_t>& half, const std::vector<std::string>& paths) {
  std::string bytes(reinterpret_cast<const char*>(half.data()), half.size() * sizeof(half[0]));
  if (!paths.empty()) bytes += paths.front();
  return Sha256(bytes);
}

// What `from` knows and `to` does not. A person's own words are added to, never replaced.
void Merge(const Record& from, Record* to) {
  const auto add = [](const std::vector<std::string>& words, std::vector<std::string>* all) {
    all->insert(all->end(), words.begin(), words.end());
    std::sort(all->begin(), all->end());
    all->erase(std::unique(all->begin(), all->end()), all->end());
  };
  add(from.paths, &to->paths);
  add(from.tags, &to->tags);
  if (to->caption.empty()) to->caption = from.caption;
  if (to->format.empty()) to->format = from.format;
  if (to->camera.empty()) to->camera = from.camera;
  if (to->file_bytes == 0) to->file_bytes = from.file_bytes;
  if (to->width == 0 && to->height == 0) to->width = from.width, to->height = from.height;
  if (to->modified_unix == 0) to->modified_unix = from.modified_unix;
  if (!to->taken_unix) to->taken_unix = from.taken_unix;
  if (!to->place) to->place = from.place;
  if (to->perceptual_hash == 0) to->perceptual_hash = from.perceptual_hash;
  to->fields.insert(from.fields.begin(), from.fields.end());
}

struct HashOfHash {
  std::size_t operator()(const ContentHash& hash) const {
    std::size_t first = 0;
    std::copy_n(hash.begin(), sizeof(first), reinterpret_cast<std::uint8_t*>(&first));
    return first;
  }
};

// One transaction being gathered; the library's write_mutex is held throughout.
class ImportBatch {
 public:
  ImportBatch(Library::Impl* library, const storage::SpaceRow& space, ImportReport* report)
      : library_(library), space_(space.number), fp32_(space.fp32), report_(report) {}

  Status Add(std::vector<ImportRow> rows) {
    ESPY_RETURN_IF_ERROR(LookUp(rows));
    const std::int64_t now = library_->env->NowUnixNs() / 1'000'000'000;
    std::size_t first_path = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t paths = rows[i].record.paths.size();
      ESPY_RETURN_IF_ERROR(AddRow(std::move(rows[i]), i, first_path, now));
      first_path += paths;
    }
    return Status::Ok();
  }

  Status Commit() { return library_->CommitLocked(std::move(change_)); }
  const std::set<ItemId>& emptied() const { return emptied_; }

 private:
  // What the store holds of all rows, in three questions.
  Status LookUp(const std::vector<ImportRow>& rows) {
    std::vector<ContentHash> hashes;
    std::vector<std::string_view> paths;
    hashes.reserve(rows.size());
    candidates_.reserve(rows.size());
    for (const ImportRow& row : rows) {
      hashes.push_back(row.record.content_hash);
      candidates_.push_back(ItemIdFor(row.record.content_hash, [](ItemId) { return false; }));
      paths.insert(paths.end(), row.record.paths.begin(), row.record.paths.end());
    }
    ESPY_ASSIGN_OR_RETURN(held_, library_->store->FindHashes(hashes));
    ESPY_ASSIGN_OR_RETURN(path_rows_, library_->store->FindPaths(paths));
    ESPY_ASSIGN_OR_RETURN(taken_, library_->store->HaveItems(candidates_));
    records_.reserve(rows.size());
    added_.reserve(rows.size());
    paths_.reserve(paths.size());
    change_.new_vectors.reserve(rows.size());
    return Status::Ok();
  }

  Status AddRow(ImportRow row, std::size_t i, std::size_t first_path, std::int64_t now) {
    ItemId id = held_[i];
    if (const auto added = added_.find(row.record.content_hash); added != added_.end()) {
      id = added->second;
    }
    if (id != kNoItem) return Update(id, std::move(row), first_path);
    id = ItemIdFor(row.record.content_hash, [&](ItemId candidate) {
      if (records_.contains(candidate)) return true;
      return candidate == candidates_[i] ? bool{taken_[i]}
                                         : library_->store->GetItem(candidate).ok();
    });
    Record& record = row.record;
    record.id = id;
    if (record.added_unix == 0) record.added_unix = now;
    if (record.paths.empty()) record.pixels_from = PixelSource::kImported;
    added_.emplace(record.content_hash, id);
    ESPY_RETURN_IF_ERROR(TakePaths(record, first_path));
    change_.transaction.PutItem(record);
    if (fp32_) {
      change_.transaction.PutFp32Vector(space_, id, row.fp32);
    } else {
      change_.transaction.PutVector(space_, id, row.half);
    }
    change_.new_vectors.push_back({space_, id, std::move(row.half)});
    records_.emplace(id, std::move(record));
    ++report_->added;
    return Status::Ok();
  }

  Status Update(ItemId id, ImportRow row, std::size_t first_path) {
    ESPY_ASSIGN_OR_RETURN(Record * held, Working(id));
    Record merged = *held;
    Merge(row.record, &merged);
    bool changed = merged != *held;
    row.record.id = id;
    ESPY_RETURN_IF_ERROR(TakePaths(row.record, first_path));
    if (changed) {
      *held = std::move(merged);
      change_.transaction.PutItem(*held);
    }
    ESPY_ASSIGN_OR_RETURN(const bool same_vector, HasVector(id, row));
    if (!same_vector) {
      change_.PutVector(space_, id, std::move(row.half),
                        fp32_ ? std::span<const float>(row.fp32) : std::span<const float>());
    }
    changed = changed || !same_vector;
    ++(changed ? report_->updated : report_->unchanged);
    return Status::Ok();
  }

  Result<bool> HasVector(ItemId id, const ImportRow& row) {
    // The newest of this batch, if it has one; in FP32, which it does not hold, it is written
    // again.
    for (const auto* pending : {&change_.vectors, &change_.new_vectors}) {
      for (auto it = pending->rbegin(); it != pending->rend(); ++it) {
        if (it->item == id) return !fp32_ && it->half == row.half;
      }
    }
    std::vector<std::uint16_t> half;
    std::vector<float> fp32;
    const Status read = fp32_ ? library_->store->GetFp32Vector(space_, id, &fp32)
                              : library_->store->GetVector(space_, id, &half);
    if (read.code() == StatusCode::kNotFound) return false;
    ESPY_RETURN_IF_ERROR(read);
    return fp32_ ? fp32 == row.fp32 : half == row.half;
  }

  // The item's record as this batch leaves it. The pointer holds until the batch is done.
  Result<Record*> Working(ItemId id) {
    if (const auto found = records_.find(id); found != records_.end()) return &found->second;
    ESPY_ASSIGN_OR_RETURN(Record record, library_->store->GetItem(id));
    return &records_.emplace(id, std::move(record)).first->second;
  }

  // record.paths lead to record.id from now on. `first_path` is where their rows begin.
  Status TakePaths(const Record& record, std::size_t first_path) {
    for (std::size_t i = 0; i < record.paths.size(); ++i) {
      const std::string& path = record.paths[i];
      ItemId before = path_rows_[first_path + i].item;
      if (const auto pending = paths_.find(path); pending != paths_.end()) before = pending->second;
      if (before == record.id) continue;
      if (before != kNoItem) {
        ESPY_ASSIGN_OR_RETURN(Record * old, Working(before));
        std::erase(old->paths, path);
        change_.transaction.PutItem(*old);
        if (old->paths.empty()) emptied_.insert(before);
        ++report_->replaced;
      }
      emptied_.erase(record.id);
      change_.transaction.PutPath(path, {record.id, 0, 0, 0});
      paths_[path] = record.id;
    }
    return Status::Ok();
  }

  Library::Impl* const library_;
  const storage::SpaceNumber space_;
  const bool fp32_;
  ImportReport* const report_;
  std::vector<ItemId> held_, candidates_;  // of each row: the item with its content; its own number
  std::vector<bool> taken_;                // whether another item has that number
  std::vector<storage::PathRow> path_rows_;  // of all rows' paths, one after the other
  Change change_;
  std::unordered_map<ItemId, Record> records_;
  std::unordered_map<ContentHash, ItemId, HashOfHash> added_;
  std::unordered_map<std::string, ItemId> paths_;
  std::set<ItemId> emptied_;
};

// The space of a model known elsewhere: its name and dimension are all that tells it from others.
storage::SpaceRow ExternalSpace(const std::string& name, std::int64_t dimension) {
  storage::SpaceRow row;
  row.model = name;
  row.dimension = dimension;
  const Sha256Digest digest =
      Sha256("espy external space\n" + std::to_string(dimension) + "\n" + name);
  row.space_id = ToHex(digest.data(), digest.size());
  return row;
}

Result<storage::SpaceRow> NewSpace(const std::string& library, const ImportOptions& options) {
  if (options.space.empty()) {
    return Status::InvalidArgument(library +
                                   ": is new, and nothing says which model the vectors are of; "
                                   "name it with --space");
  }
  const auto directory = encoders::ResolveModel(options.space);
  if (!directory.ok()) return ExternalSpace(options.space, options.dimension);
  ESPY_ASSIGN_OR_RETURN(const auto info, encoders::DescribeEncoder(*directory));
  storage::SpaceRow row;
  row.model = info.name;
  row.space_id = info.space_id;
  row.directory = *directory;
  row.dimension = info.dimension;
  return row;
}

// Whether a person who says `name` means the space: the name it was made with, or a model that is
// installed and makes the same vectors.
bool IsSpace(const storage::SpaceRow& space, const std::string& name) {
  if (name.empty() || name == space.model) return true;
  const auto directory = encoders::ResolveModel(name);
  if (!directory.ok()) return false;
  const auto info = encoders::DescribeEncoder(*directory);
  return info.ok() && info->space_id == space.space_id;
}

}  // namespace

Result<ImportRow> PrepareImport(std::span<const float> vector, std::span<const std::uint16_t> half,
                                Record record, std::int64_t dimension, const std::string& name) {
  ImportRow row;
  row.record = std::move(record);
  const std::size_t size = vector.size() + half.size();
  if (static_cast<std::int64_t>(size) != dimension || (!vector.empty() && !half.empty())) {
    return Status::InvalidArgument(
        name +
        (size == 0 ? ": has no vector" : ": its vector has " + std::to_string(size) + " values") +
        "; give one of " + std::to_string(dimension) + ", the dimension of the library's space");
  }
  std::vector<float> widened;
  if (!half.empty()) {
    widened.resize(size);
    HalfToFloat(half.data(), size, widened.data());
    vector = widened;
  }
  if (!ToStored(vector, &row.half, &row.fp32)) {
    return Status::InvalidArgument(
        name + ": its vector is zero, or not finite; it has no direction to compare");
  }
  std::vector<std::string>& paths = row.record.paths;
  if (paths.size() > 1) {
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  }
  if (!paths.empty() && paths.front().empty()) {
    return Status::InvalidArgument(name + ": has an empty path; leave it out");
  }
  if (IsZero(row.record.content_hash)) {
    row.record.content_hash = HashOf(row.half, paths);
    // A hash of a vector says nothing of a picture.
    row.record.pixels_from = PixelSource::kImported;
  }
  return row;
}

Result<storage::SpaceRow> SpaceForImport(Library::Impl* library, const ImportOptions& options) {
  const auto made = library->store->CurrentSpace();
  if (!made.ok()) {
    if (made.status().code() != StatusCode::kNotFound) return made.status();
    ESPY_RETURN_IF_ERROR(library->RequireWritable());
    if (options.space.empty() && !library->options.model.empty()) return library->Space();
    ESPY_ASSIGN_OR_RETURN(storage::SpaceRow row, NewSpace(library->path, options));
    row.fp32 = library->options.vectors == kFp32Vectors;
    if (options.dimension != 0 && options.dimension != row.dimension) {
      return Status::InvalidArgument(
          "--space " + options.space + ": the model of that name that is installed has dimension " +
          std::to_string(row.dimension) + ", not " + std::to_string(options.dimension) +
          "; give your model another name");
    }
    std::lock_guard lock(library->write_mutex());
    if (!library->store->CurrentSpace().ok()) {  // no other import was quicker
      ESPY_RETURN_IF_ERROR(library->store->AddSpace(row).status());
    }
  }
  ESPY_ASSIGN_OR_RETURN(storage::SpaceRow space, library->Space());
  if ((made.ok() && !IsSpace(space, options.space)) ||
      (options.dimension != 0 && options.dimension != space.dimension)) {
    return Status::InvalidArgument(
        library->path + ": holds vectors of model '" + space.model + "' with dimension " +
        std::to_string(space.dimension) + ", which cannot be compared with those of '" +
        (options.space.empty() ? space.model : options.space) + "'" +
        (options.dimension == 0 ? "" : " with dimension " + std::to_string(options.dimension)) +
        "; import them into a library of their own");
  }
  return space;
}

Status ImportRows(Library::Impl* library, const storage::SpaceRow& space,
                  std::vector<ImportRow> rows, ImportReport* report) {
  std::vector<Record> pathless;
  {
    std::size_t bytes = 0;
    for (ImportRow& row : rows) {
      bytes += kRowBytes + (space.fp32 ? 4 : 2) * row.half.size();
      // The index has what readers of the store get when they ask for FP16.
      if (space.fp32) FloatToHalf(row.fp32.data(), row.fp32.size(), row.half.data());
    }
    std::lock_guard lock(library->write_mutex());
    ESPY_RETURN_IF_ERROR(library->RequireRoomLocked(bytes));
    // A migration looks, under the same lock, whether what was imported until then has its vectors
    // in the new space, and then switches: after that, vectors of the old one are not enough.
    ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, library->Current());
    if (current->row.number != space.number) {
      return Status::Unavailable(
          library->path + ": has changed to " + NameOf(current->row) +
          " while vectors of another model were being imported; what was taken before that is "
          "kept; import vectors of the new model, or go back with `espy model rollback`");
    }
    ImportBatch batch(library, space, report);
    ESPY_RETURN_IF_ERROR(batch.Add(std::move(rows)));
    ESPY_RETURN_IF_ERROR(batch.Commit());
    for (const ItemId id : batch.emptied()) {
      const auto record = library->store->GetItem(id);
      if (record.ok() && record->paths.empty()) pathless.push_back(*record);
    }
  }
  // Their only path leads to what was imported now: they are what it was before.
  return pathless.empty() ? Status::Ok() : library->ForgetItems(pathless);
}

Result<ImportReport> Library::Import(std::span<const ImportItem> items,
                                     const ImportOptions& options) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  const std::int64_t start = impl_->env->MonotonicNs();
  ImportReport report;
  if (items.empty()) return report;
  ImportOptions of_first = options;
  if (of_first.dimension == 0) {
    of_first.dimension = static_cast<std::int64_t>(items[0].vector.size() + items[0].half.size());
  }
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, SpaceForImport(impl_.get(), of_first));
  std::vector<ImportRow> rows;
  rows.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const ImportItem& item = items[i];
    ESPY_ASSIGN_OR_RETURN(ImportRow row,
                          PrepareImport(item.vector, item.half, item.record, space.dimension,
                                        "item " + std::to_string(i) + " of the batch"));
    rows.push_back(std::move(row));
  }
  report.found = rows.size();
  ESPY_RETURN_IF_ERROR(ImportRows(impl_.get(), space, std::move(rows), &report));
  report.seconds = static_cast<double>(impl_->env->MonotonicNs() - start) * 1e-9;
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("import");
}

}  // namespace espy
