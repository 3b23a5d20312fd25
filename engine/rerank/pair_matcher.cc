#include "engine/rerank/pair_matcher.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "engine/migrate/picture_reader.h"

namespace espy::rerank {
namespace {

// Looked at together: as many as the towers fill their matrices with, and memory stays bounded.
constexpr std::size_t kBatch = 8;
// Thumbnails are 256 pixels at the longest side: no model that wants less gains by the file.
constexpr std::int64_t kThumbnailSide = 256;

std::uint64_t BytesOf(const captioning::SeenPicture& seen) {
  std::uint64_t bytes = seen.vector.size() * sizeof(float);
  for (const kernels::PackedKeyValues& layer : seen.keys->layers) {
    bytes += static_cast<std::uint64_t>(layer.bytes());
  }
  return bytes;
}

}  // namespace

Result<std::shared_ptr<PairMatcher>> PairMatcher::Load(const std::string& directory,
                                                       const OpenOptions& library, Env* env,
                                                       std::uint64_t cache_bytes) {
  auto made = std::make_shared<PairMatcher>();
  captioning::MatcherOptions options;
  options.precision = library.precision;
  options.threads = library.threads;
  ESPY_ASSIGN_OR_RETURN(made->matcher_, captioning::Matcher::Load(directory, options));
  made->directory_ = directory;
  made->env_ = env;
  made->cache_bytes_ = cache_bytes;
  return made;
}

PairMatcher::Seen PairMatcher::Find(ItemId item) {
  std::lock_guard lock(mutex_);
  const auto found = places_.find(item);
  if (found == places_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->seen;
}

void PairMatcher::Keep(ItemId item, Seen seen) {
  const std::uint64_t bytes = BytesOf(*seen);
  std::lock_guard lock(mutex_);
  if (bytes > cache_bytes_ || places_.contains(item)) return;
  while (bytes_ + bytes > cache_bytes_) {
    bytes_ -= kept_.back().bytes;
    places_.erase(kept_.back().item);
    kept_.pop_back();
  }
  kept_.push_front({item, std::move(seen), bytes});
  places_[item] = kept_.begin();
  bytes_ += bytes;
}

std::uint64_t PairMatcher::cached_bytes() {
  std::lock_guard lock(mutex_);
  return bytes_;
}

Result<std::vector<std::pair<ItemId, PairMatcher::Seen>>> PairMatcher::Look(
    std::span<const ItemId> items, storage::Store* store) {
  std::vector<migrate::Wanted> wanted;
  for (const ItemId item : items) {
    auto record = store->GetItem(item);
    if (record.status().code() == StatusCode::kNotFound) continue;
    ESPY_RETURN_IF_ERROR(record.status());
    wanted.push_back({record->paths.empty() ? "" : record->paths.front(), item});
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  const bool small = matcher_->config().vision.image_size <= kThumbnailSide;
  migrate::PictureReader reader(env_, store, matcher_->preprocess(), /*from_thumbnails=*/small,
                                CoreCount(), wanted);
  std::vector<ItemId> read;
  std::vector<migrate::PictureReader::Picture> pictures;
  while (auto next = reader.Pop()) {
    if (!next->forgotten && next->failure.ok()) pictures.push_back(std::move(*next));
  }
  ESPY_RETURN_IF_ERROR(reader.status());
  std::vector<imaging::PictureView> views;
  for (const auto& picture : pictures) views.push_back(picture.held.tensor.view());
  ESPY_ASSIGN_OR_RETURN(std::vector<captioning::SeenPicture> seen, matcher_->Look(views));
  std::vector<std::pair<ItemId, Seen>> looked;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    looked.emplace_back(pictures[i].id,
                        std::make_shared<const captioning::SeenPicture>(std::move(seen[i])));
    Keep(looked.back().first, looked.back().second);
  }
  return looked;
}

Result<std::vector<std::optional<PairScore>>> PairMatcher::Score(const std::string& phrase,
                                                                 std::span<const ItemId> items,
                                                                 storage::Store* store) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> words, matcher_->TextVectors({&phrase, 1}));
  std::map<ItemId, PairScore> scores;
  const auto score = [&](const std::vector<std::pair<ItemId, Seen>>& looked) -> Status {
    std::vector<captioning::SeenPicture> seen;
    for (const auto& [item, picture] : looked) seen.push_back(*picture);
    ESPY_ASSIGN_OR_RETURN(const std::vector<captioning::Match> matches,
                          matcher_->MatchAll({&phrase, 1}, seen));
    for (std::size_t i = 0; i < looked.size(); ++i) {
      const float cosine =
          std::inner_product(words.begin(), words.end(), seen[i].vector.begin(), 0.0f);
      scores[looked[i].first] = {matches[i].logit + cosine, matches[i].probability};
    }
    return Status::Ok();
  };
  std::vector<std::pair<ItemId, Seen>> known;
  std::vector<ItemId> unknown;
  for (const ItemId item : items) {
    if (Seen seen = Find(item)) {
      known.emplace_back(item, std::move(seen));
    } else {
      unknown.push_back(item);
    }
  }
  if (!known.empty()) ESPY_RETURN_IF_ERROR(score(known));
  for (std::size_t at = 0; at < unknown.size(); at += kBatch) {
    const auto some = std::span(unknown).subspan(at, std::min(kBatch, unknown.size() - at));
    ESPY_ASSIGN_OR_RETURN(const auto looked, Look(some, store));
    if (!looked.empty()) ESPY_RETURN_IF_ERROR(score(looked));
  }
  std::vector<std::optional<PairScore>> all;
  for (const ItemId item : items) {
    const auto found = scores.find(item);
    all.push_back(found == scores.end() ? std::nullopt : std::optional(found->second));
  }
  return all;
}

}  // namespace espy::rerank
