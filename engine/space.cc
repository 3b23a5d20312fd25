// Which spaces a library has, and which of them is meant.
#include <algorithm>

#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/library_impl.h"

namespace espy {
namespace {

constexpr char kDefaultModel[] = "espy-mini";
constexpr std::size_t kLeastIdDigits = 4;  // of a space's id that may stand for the whole

}  // namespace

Result<std::shared_ptr<OpenSpace>> Library::Impl::Current() {
  std::lock_guard lock(space_mutex_);
  if (current_ != 0) return open_spaces_.at(current_);
  const auto current = store->CurrentSpace();
  if (current.ok()) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, store->Spaces());
    for (const storage::SpaceRow& row : spaces) {
      if (row.number != *current) continue;
      if (!options.model.empty()) ESPY_RETURN_IF_ERROR(RequireModel(row));
      current_ = row.number;
      return OpenLocked(row);
    }
    return Status::Corruption(path + ": its current space " + std::to_string(*current) +
                              " is not among its spaces; run `espy verify`");
  }
  if (current.status().code() != StatusCode::kNotFound) return current.status();
  if (options.read_only) {
    return Status::NotFound(path + ": the library is empty; run `espy ingest` first");
  }
  const std::string name = options.model.empty() ? kDefaultModel : options.model;
  ESPY_ASSIGN_OR_RETURN(const std::string directory, encoders::ResolveModel(name));
  ESPY_ASSIGN_OR_RETURN(const auto info, encoders::DescribeEncoder(directory));
  storage::SpaceRow row;
  row.model = info.name;
  row.space_id = info.space_id;
  row.directory = directory;
  row.dimension = info.dimension;
  row.fp32 = options.vectors == kFp32Vectors;
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow added, store->AddSpace(row));
  current_ = added.number;
  return OpenLocked(added);
}

// The model that the library was opened with is the one of its current space.
Status Library::Impl::RequireModel(const storage::SpaceRow& current) const {
  ESPY_ASSIGN_OR_RETURN(const std::string directory, encoders::ResolveModel(options.model));
  ESPY_ASSIGN_OR_RETURN(const auto info, encoders::DescribeEncoder(directory));
  if (info.space_id == current.space_id ||
      (info.name == current.model && IsModelOf(current, current.directory))) {
    return Status::Ok();
  }
  return Status::InvalidArgument(
      path + ": holds vectors of model '" + current.model + "' (space " + current.space_id +
      "), which cannot be compared with those of '" + options.model +
      "'; leave the model out, make a new library for it, or change this one's: espy model use " +
      options.model);
}

std::shared_ptr<OpenSpace> Library::Impl::OpenLocked(const storage::SpaceRow& row) {
  std::shared_ptr<OpenSpace>& space = open_spaces_[row.number];
  if (!space) {
    encoders::EncoderOptions encoder_options;
    encoder_options.threads = options.threads;
    encoder_options.precision = options.precision;
    encoder_options.device = options.device;
    encoder_options.vram = EncoderVram();
    space = std::make_shared<OpenSpace>(row, store.get(), encoder_options, env);
  }
  return space;
}

std::shared_ptr<OpenSpace> Library::Impl::Opened(const storage::SpaceRow& row) {
  std::lock_guard lock(space_mutex_);
  return OpenLocked(row);
}

std::vector<std::shared_ptr<OpenSpace>> Library::Impl::OpenSpaces() {
  std::lock_guard lock(space_mutex_);
  std::vector<std::shared_ptr<OpenSpace>> spaces;
  for (const auto& [number, space] : open_spaces_) spaces.push_back(space);
  return spaces;
}

Result<storage::SpaceRow> Library::Impl::FindSpaceRow(const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  std::vector<storage::SpaceRow> meant;
  for (const storage::SpaceRow& row : rows) {
    if (name == std::to_string(row.number) || name == row.space_id) return row;
    if (name == row.model || (name.size() >= kLeastIdDigits && row.space_id.starts_with(name))) {
      meant.push_back(row);
    }
  }
  if (meant.size() == 1) return meant[0];
  std::string names;
  for (const storage::SpaceRow& row : meant.empty() ? rows : meant) {
    names += (names.empty() ? "" : ", ") + row.model + " (" + row.space_id + ")";
  }
  if (meant.empty()) {
    return Status::NotFound("space '" + name + "': " + path + " has none of that name; " +
                            (names.empty() ? "it has none at all: `espy ingest` makes the first"
                                           : "it has " + names + ": name one of these"));
  }
  return Status::InvalidArgument("space '" + name + "': means several of " + path + ": " + names +
                                 "; give the id of one");
}

Result<std::shared_ptr<OpenSpace>> Library::Impl::SpaceNamed(const std::string& name) {
  if (name.empty()) return Current();
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow row, FindSpaceRow(name));
  return Opened(row);
}

Result<storage::SpaceRow> Library::Impl::Space() {
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, Current());
  return current->row;
}

Result<const encoders::Encoder*> Library::Impl::EncoderFor(bool image, bool text) {
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, Current());
  return current->EncoderFor(image, text);
}

}  // namespace espy
