// A space's model: found where it lies today, loaded once, and asked.
#include "engine/open_space.h"

#include <cmath>

#include "base/status_macros.h"
#include "encoders/model_store.h"

namespace espy {
namespace {

constexpr std::size_t kTextCacheEntries = 1024;

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

bool IsModelOf(const storage::SpaceRow& space, const std::string& directory) {
  const auto info = encoders::DescribeEncoder(directory);
  return info.ok() && info->space_id == space.space_id;
}

std::string NameOf(const storage::SpaceRow& space) {
  return "model '" + space.model + "' (space " + space.space_id + ")";
}

OpenSpace::OpenSpace(const storage::SpaceRow& space, storage::Store* space_store,
                     const encoders::EncoderOptions& encoder_options, Env* env)
    : row(space),
      segments(space_store, space.number),
      recall(std::make_shared<recall::Meter>(space_store, space.number, env)),
      store_(space_store),
      encoder_options_(encoder_options) {}

Result<const encoders::Encoder*> OpenSpace::EncoderFor(bool image, bool text) {
  std::lock_guard lock(encoder_mutex_);
  if (encoder_) return encoder_.get();
  if (row.directory.empty()) {
    return Status::Unsupported(store_->directory() + ": its vectors were imported as those of '" +
                               row.model +
                               "', for which there is no encoder here; ask with an item (`espy "
                               "similar`) or with a vector");
  }
  ESPY_ASSIGN_OR_RETURN(const std::string directory, LocateModel(row));
  encoders::EncoderOptions encoder_options = encoder_options_;
  encoder_options.load_image = image;
  encoder_options.load_text = text;
  ESPY_ASSIGN_OR_RETURN(auto encoder, encoders::Encoder::Load(directory, encoder_options));
  if (encoder->info().space_id != row.space_id) {
    return Status::InvalidArgument(directory + ": is not the model '" + row.model + "' that " +
                                   store_->directory() + " was made with (space " +
                                   encoder->info().space_id + ", the library's is " + row.space_id +
                                   "); put the first one back, or make a new library");
  }
  encoder_ = std::move(encoder);
  return encoder_.get();
}

Result<std::vector<float>> OpenSpace::EncodeText(const std::string& text) {
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

Result<std::shared_ptr<const training::TextAdapter>> OpenSpace::Adapter() {
  std::lock_guard lock(adapter_mutex_);
  if (adapter_read_) return adapter_;
  const Result<storage::AdapterRow> stored = store_->GetAdapter(row.number);
  if (stored.ok()) {
    ESPY_ASSIGN_OR_RETURN(
        adapter_, training::TextAdapter::Parse(stored->weights, row.dimension,
                                               store_->directory() + ": the adapter (make it anew "
                                                                     "with `espy train adapter`)"));
  } else if (stored.status().code() != StatusCode::kNotFound) {
    return stored.status();
  }
  adapter_read_ = true;
  return adapter_;
}

void OpenSpace::ForgetAdapter() {
  std::lock_guard lock(adapter_mutex_);
  adapter_read_ = false;
  adapter_ = nullptr;
}

// SigLIP's own reading of a cosine: sigmoid(scale * cosine + bias). A model trained with softmax
// compares texts with each other and says nothing of one pair alone.
float OpenSpace::Probability(float cosine) {
  std::lock_guard lock(encoder_mutex_);
  if (!encoder_ || !encoder_->info().sigmoid) return -1;
  const float logit = encoder_->info().logit_scale * cosine + encoder_->info().logit_bias;
  return 1.0f / (1.0f + std::exp(-logit));
}

}  // namespace espy
