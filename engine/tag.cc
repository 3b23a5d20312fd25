// tag: a person's own words on an item.
#include <algorithm>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

constexpr std::size_t kMaxTagBytes = 256;
constexpr std::size_t kMaxTags = 1024;

Status CheckTag(const std::string& tag) {
  const bool printable = std::none_of(tag.begin(), tag.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (tag.empty() || tag.size() > kMaxTagBytes || !printable) {
    return Status::InvalidArgument("tag '" + tag +
                                   "': tags are 1 to 256 bytes of text without control characters");
  }
  return Status::Ok();
}

}  // namespace

Result<Record> Library::Tag(ItemId id, const std::vector<std::string>& add,
                            const std::vector<std::string>& remove) try {
  for (const std::string& tag : add) ESPY_RETURN_IF_ERROR(CheckTag(tag));
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  std::lock_guard lock(impl_->write_mutex());
  ESPY_ASSIGN_OR_RETURN(Record record, Get(id));
  std::vector<std::string> tags = record.tags;
  tags.insert(tags.end(), add.begin(), add.end());
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  std::erase_if(tags, [&](const std::string& tag) {
    return std::find(remove.begin(), remove.end(), tag) != remove.end();
  });
  if (tags == record.tags) return record;
  if (tags.size() > kMaxTags) {
    return Status::ResourceExhausted("item " + FormatItemId(id) +
                                     ": more than 1024 tags; remove some first");
  }
  record.tags = std::move(tags);
  Change change;
  change.transaction.PutItem(record);
  ESPY_RETURN_IF_ERROR(impl_->CommitLocked(std::move(change)));
  return Get(id);
} catch (const std::bad_alloc&) {
  return OutOfMemory("tag");
}

}  // namespace espy
