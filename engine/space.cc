// The library's space: which model its vectors come from, and that model loaded.
#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/library_impl.h"

namespace espy {
namespace {

constexpr char kDefaultModel[] = "espy-mini";
constexpr std::size_t kTextCacheEntries = 1024;

bool IsModelOf(const storage::SpaceRow& space, const std::string& directory) {
  const auto info = encoders::DescribeEncoder(directory);
  return info.ok() && info->space_id == space.space_id;
}

// Where the space's model lies today: by name, else where it was when the space was made. A name
// may have come to mean a newer revision while the older one still lies where it was.
Result<std::string> LocateModel(const storage::SpaceRow& space) {
  auto by_name = encoders::ResolveModel(space.model);
  if (by_name.ok() && (*by_name == space.directory || IsModelOf(space, *by_name))) return by_name;
  auto by_directory = encoders::ResolveModel(space.directory);
  if (by_directory.ok() && (!by_name.ok() || IsModelOf(space, *by_directory))) return by_directory;
  return by_name;
}

}  // namespace

Result<storage::SpaceRow> Library::Impl::Space() {
  std::lock_guard lock(space_mutex_);
  if (space_) return *space_;
  auto current = store->CurrentSpace();
  if (current.ok()) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, store->Spaces());
    for (const storage::SpaceRow& row : spaces) {
      if (row.number != *current) continue;
      if (!options.model.empty()) {
        ESPY_ASSIGN_OR_RETURN(const std::string directory, encoders::ResolveModel(options.model));
        ESPY_ASSIGN_OR_RETURN(const auto info, encoders::DescribeEncoder(directory));
        if (info.space_id != row.space_id &&
            !(info.name == row.model && IsModelOf(row, row.directory))) {
          return Status::InvalidArgument(
              path + ": holds vectors of model '" + row.model + "' (space " + row.space_id +
              "), which cannot be compared with those of '" + options.model +
              "'; leave the model out, or make a new library for it");
        }
      }
      space_ = std::make_unique<storage::SpaceRow>(row);
      return *space_;
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
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow added, store->AddSpace(row));
  space_ = std::make_unique<storage::SpaceRow>(added);
  return *space_;
}

Result<const encoders::Encoder*> Library::Impl::EncoderFor(bool image, bool text) {
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  std::lock_guard lock(space_mutex_);
  if (encoder_) return encoder_.get();
  if (space.directory.empty()) {
    return Status::Unsupported(path + ": its vectors were imported as those of '" + space.model +
                               "', for which there is no encoder here; ask with an item (`espy "
                               "similar`) or with a vector");
  }
  ESPY_ASSIGN_OR_RETURN(const std::string directory, LocateModel(space));
  encoders::EncoderOptions encoder_options;
  encoder_options.threads = options.threads;
  encoder_options.precision = options.precision;
  encoder_options.device = options.device;
  encoder_options.vram = EncoderVram();
  encoder_options.load_image = image;
  encoder_options.load_text = text;
  ESPY_ASSIGN_OR_RETURN(auto encoder, encoders::Encoder::Load(directory, encoder_options));
  if (encoder->info().space_id != space.space_id) {
    return Status::InvalidArgument(directory + ": is not the model '" + space.model + "' that " +
                                   path + " was made with (space " + encoder->info().space_id +
                                   ", the library's is " + space.space_id +
                                   "); put the first one back, or make a new library");
  }
  encoder_ = std::move(encoder);
  return encoder_.get();
}

Result<std::vector<float>> Library::Impl::EncodeText(const std::string& text) {
  {
    std::lock_guard lock(text_mutex_);
    if (const auto found = text_cache_.find(text); found != text_cache_.end()) return found->second;
  }
  ESPY_ASSIGN_OR_RETURN(const encoders::Encoder* encoder, EncoderFor(false, true));
  std::vector<float> vector(static_cast<std::size_t>(encoder->info().dimension));
  ESPY_RETURN_IF_ERROR(encoder->EncodeTexts({&text, 1}, vector.data()));
  std::lock_guard lock(text_mutex_);
  if (text_cache_.size() >= kTextCacheEntries) text_cache_.clear();
  text_cache_.emplace(text, vector);
  return vector;
}

}  // namespace espy
