// Reading items: get, find, list, vector, thumbnail, tags, failures.
#include <algorithm>
#include <iterator>
#include <map>
#include <span>

#include "base/status_macros.h"
#include "engine/filter.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {
constexpr std::size_t kRecordsARead = 1024;
}

bool Library::Impl::HasVector(ItemId id) {
  const auto space = Space();
  std::vector<std::uint16_t> half;
  return !space.ok() || store->GetVector(space->number, id, &half).code() != StatusCode::kNotFound;
}

Result<Record> Library::Get(ItemId id) try {
  auto record = impl_->store->GetItem(id);
  if (record.status().code() == StatusCode::kNotFound) {
    return Status::NotFound("item " + FormatItemId(id) + ": not in " + impl_->path +
                            "; `espy search --json` shows the ids there are");
  }
  return record;
} catch (const std::bad_alloc&) {
  return OutOfMemory("get");
}

Result<Record> Library::Find(const std::string& path_or_id) try {
  const std::string absolute = AbsolutePath(path_or_id);
  const auto row = impl_->store->GetPath(absolute);
  if (row.ok()) return impl_->store->GetItem(row->item);
  if (row.status().code() != StatusCode::kNotFound) return row.status();
  if (const auto exact = impl_->store->GetPath(path_or_id); exact.ok()) {  // archive members, URLs
    return impl_->store->GetItem(exact->item);
  }
  if (const auto id = ParseItemId(path_or_id); id.ok()) return Get(*id);
  return Status::NotFound(path_or_id + ": neither the path nor the id of an item of " +
                          impl_->path + "; run `espy ingest` to take it in");
} catch (const std::bad_alloc&) {
  return OutOfMemory("find");
}

Result<std::vector<Record>> Library::List(const std::string& where, std::uint64_t limit) try {
  std::vector<Record> records;
  if (where.empty()) {
    ESPY_RETURN_IF_ERROR(impl_->store->ScanItems(
        [&](const Record& record) {
          records.push_back(record);
          return limit == 0 || records.size() < limit;
        },
        impl_->RecordSnapshot().get()));
    return records;
  }
  ESPY_ASSIGN_OR_RETURN(const std::unique_ptr<const where::Filter> filter,
                        ParseFilter(impl_->store.get(), where));
  ESPY_ASSIGN_OR_RETURN(const auto state, impl_->FilterState());
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<const index::IdSet> passing,
                        SelectItems(impl_->store.get(), *filter, *state));
  std::span<const ItemId> ids = passing->Sorted();
  if (limit != 0 && limit < ids.size()) ids = ids.first(limit);
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kRecordsARead))) {
    ESPY_ASSIGN_OR_RETURN(std::vector<Record> some,
                          impl_->store->GetItems(ids.first(std::min(ids.size(), kRecordsARead)),
                                                 state->snapshot.get()));
    std::move(some.begin(), some.end(), std::back_inserter(records));
  }
  return records;
} catch (const std::bad_alloc&) {
  return OutOfMemory("list");
}

Result<std::string> Library::Thumbnail(ItemId id) try {
  return impl_->store->GetThumbnail(id);
} catch (const std::bad_alloc&) {
  return OutOfMemory("thumbnail");
}

Result<std::vector<float>> Library::Vector(ItemId id, const std::string& space) try {
  ReadState state;
  state.snapshot = impl_->RecordSnapshot();
  ESPY_ASSIGN_OR_RETURN(state.space, impl_->SpaceNamed(space));
  return impl_->ItemVector(id, state);
} catch (const std::bad_alloc&) {
  return OutOfMemory("vector");
}

Result<std::vector<TagCount>> Library::Tags() try {
  std::map<std::string, std::uint64_t> counts;
  ESPY_RETURN_IF_ERROR(impl_->store->ScanItems([&](const Record& record) {
    for (const std::string& tag : record.tags) ++counts[tag];
    return true;
  }));
  std::vector<TagCount> tags;
  for (auto& [tag, items] : counts) tags.push_back({tag, items});
  std::stable_sort(tags.begin(), tags.end(),
                   [](const TagCount& a, const TagCount& b) { return a.items > b.items; });
  return tags;
} catch (const std::bad_alloc&) {
  return OutOfMemory("tags");
}

Result<std::vector<Failure>> Library::Failures() try {
  std::vector<Failure> failures;
  ESPY_RETURN_IF_ERROR(
      impl_->store->ScanFailures([&](std::string_view path, const storage::FailureRow& row) {
        failures.push_back({std::string(path), std::string(StatusCodeName(row.code)), row.message,
                            row.when_unix, row.attempts});
        return true;
      }));
  return failures;
} catch (const std::bad_alloc&) {
  return OutOfMemory("failures");
}

}  // namespace espy
