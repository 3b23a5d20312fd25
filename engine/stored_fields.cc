#include "engine/stored_fields.h"

#include <algorithm>

#include "base/status_macros.h"
#include "engine/fields/block_format.h"

namespace espy {

using storage::kColumnsSpace;

void StoredFields::SetManifest(std::optional<fields::Manifest> manifest) {
  manifest_ = std::move(manifest);
  seq_ = manifest_ ? manifest_->seq : 0;
  items_ = manifest_ ? manifest_->items : 0;
  peeked_ = true;
}

void StoredFields::Peek() {
  if (peeked_) return;
  const Result<std::string> bytes = store_->GetManifest(kColumnsSpace);
  Result<fields::Manifest> manifest = bytes.ok() ? fields::ParseManifest(*bytes) : bytes.status();
  const bool none = bytes.status().code() == StatusCode::kNotFound;
  unreadable_ = none ? Status::Ok() : manifest.status();
  SetManifest(manifest.ok() ? std::optional(std::move(*manifest)) : std::nullopt);
}

void StoredFields::Forget() {
  std::lock_guard lock(mutex_);
  peeked_ = false;
  known_.clear();
}

std::uint64_t StoredFields::Behind() {
  if (!peeked_) {
    std::lock_guard lock(mutex_);
    Peek();
  }
  const std::uint64_t now = store_->last_seq(), then = seq_;
  return now - std::min(now, then);
}

fields::SectionReader StoredFields::ReaderOf(const fields::StoredPart& part) const {
  return {part.chunks, [this, part](std::uint32_t chunk) -> Result<std::string> {
            return store_->GetChunk(kColumnsSpace, part.number, chunk);
          }};
}

Result<std::shared_ptr<const fields::Block>> StoredFields::LoadBlock(
    const fields::StoredPart& part) {
  fields::SectionReader reader = ReaderOf(part);
  ESPY_ASSIGN_OR_RETURN(std::shared_ptr<const fields::Block> block,
                        fields::BlockFormat::Read(&reader));
  if (!reader.AtEnd()) return Status::Corruption("columns: there is more than one block");
  known_.push_back({block, part});
  return block;
}

Result<FieldsAt> StoredFields::LoadParts() {
  std::vector<std::shared_ptr<const fields::Block>> blocks;
  for (const fields::StoredPart& part : manifest_->blocks) {
    ESPY_ASSIGN_OR_RETURN(blocks.emplace_back(), LoadBlock(part));
  }
  fields::SectionReader head = ReaderOf(manifest_->head);
  ESPY_ASSIGN_OR_RETURN(std::shared_ptr<fields::Table> table, fields::ReadHead(blocks, &head));
  if (table->TakeView()->items() != manifest_->items) {
    return Status::Corruption("columns: the items are not as many as the manifest says");
  }
  return FieldsAt{std::move(table), manifest_->seq};
}

FieldsAt StoredFields::Load(Status* why) {
  std::lock_guard lock(mutex_);
  Peek();
  if (why != nullptr) *why = unreadable_;
  if (!manifest_) return {};
  std::erase_if(known_, [](const Known& known) { return known.block.expired(); });
  Result<FieldsAt> loaded = LoadParts();
  if (loaded.ok()) return std::move(*loaded);
  unreadable_ = loaded.status();
  if (why != nullptr) *why = unreadable_;
  SetManifest(std::nullopt);
  known_.clear();
  next_ = 0;  // what is there belongs to no one: the next Save drops it
  return {};
}

// Numbers are not used again while anything is stored under them.
Status StoredFields::ChooseNumbers() {
  if (next_ != 0) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(orphans_, store_->ListSegments(kColumnsSpace));
  std::uint64_t greatest = 0;
  for (const std::uint64_t number : orphans_) greatest = std::max(greatest, number);
  if (manifest_) {
    std::erase(orphans_, manifest_->head.number);
    for (const fields::StoredPart& part : manifest_->blocks) std::erase(orphans_, part.number);
  }
  next_ = greatest + 1;
  return Status::Ok();
}

Status StoredFields::Save(const fields::View& view, std::uint64_t seq,
                          const std::stop_token& stop) {
  std::lock_guard lock(mutex_);
  Peek();
  ESPY_RETURN_IF_ERROR(ChooseNumbers());
  return SaveParts(view, seq, stop);
}

Status StoredFields::SaveParts(const fields::View& view, std::uint64_t seq,
                               const std::stop_token& stop) {
  // Whatever ends this early leaves its parts among the orphans.
  const auto write = [&](const auto& content) -> Result<fields::StoredPart> {
    fields::StoredPart part{next_++, 0};
    orphans_.push_back(part.number);
    fields::SectionWriter writer([&](std::string_view chunk) {
      if (stop.stop_requested()) return Status::Cancelled("columns: stopped");
      return store_->PutChunk(kColumnsSpace, part.number, part.chunks++, chunk);
    });
    ESPY_RETURN_IF_ERROR(content(&writer));
    ESPY_RETURN_IF_ERROR(writer.Finish());
    return part;
  };
  fields::Manifest manifest{seq, view.items(), {}, {}};
  std::vector<Known> known;
  for (const fields::Part& part : view.parts()) {
    const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
      return candidate.block.lock() == part.block;
    });
    if (found != known_.end()) {
      known.push_back(*found);
    } else {
      ESPY_ASSIGN_OR_RETURN(const fields::StoredPart stored, write([&](fields::SectionWriter* out) {
                              return fields::BlockFormat::Write(*part.block, out);
                            }));
      known.push_back({part.block, stored});
    }
    manifest.blocks.push_back(known.back().part);
  }
  ESPY_ASSIGN_OR_RETURN(manifest.head, write([&](fields::SectionWriter* out) {
                          return fields::WriteHead(view, out);
                        }));

  std::vector<std::uint64_t> gone = orphans_;
  if (manifest_) {
    gone.push_back(manifest_->head.number);
    for (const fields::StoredPart& part : manifest_->blocks) gone.push_back(part.number);
  }
  std::erase(gone, manifest.head.number);
  for (const fields::StoredPart& part : manifest.blocks) std::erase(gone, part.number);
  ESPY_RETURN_IF_ERROR(store_->PutManifest(kColumnsSpace, fields::EncodeManifest(manifest), gone));
  orphans_.clear();
  known_ = std::move(known);
  unreadable_ = Status::Ok();
  SetManifest(std::move(manifest));
  return Status::Ok();
}

Status StoredFields::Clear() {
  std::lock_guard lock(mutex_);
  ESPY_RETURN_IF_ERROR(store_->DeleteSegments(kColumnsSpace));
  known_.clear();
  orphans_.clear();
  next_ = 0;
  unreadable_ = Status::Ok();
  SetManifest(std::nullopt);
  return Status::Ok();
}

}  // namespace espy
