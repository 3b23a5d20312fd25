// How well a phrase and the library's pictures belong together, by an image-text matching model
// that reads the phrase while it looks at the picture. Slower than a cosine by thousands, so it is
// asked about the first hits only.
#ifndef ESPY_ENGINE_RERANK_PAIR_MATCHER_H_
#define ESPY_ENGINE_RERANK_PAIR_MATCHER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/env.h"
#include "captioning/matcher.h"
#include "espy/options.h"
#include "espy/record.h"
#include "espy/status.h"
#include "storage/store.h"

namespace espy::rerank {

struct PairScore {
  float order = 0;        // BLIP's own: the matching head's logit plus the cosine of both sides
  float probability = 0;  // the head's, that they belong together
};

// Any number of threads may score at once.
class PairMatcher {
 public:
  // `directory`: a BLIP directory for matching. What it makes of pictures is kept, the least
  // recently asked first to go, within `cache_bytes`.
  static Result<std::shared_ptr<PairMatcher>> Load(const std::string& directory,
                                                   const OpenOptions& library, Env* env,
                                                   std::uint64_t cache_bytes);

  const std::string& directory() const { return directory_; }

  // One for each item; nullopt where its picture cannot be read any more. A phrase may be cut to
  // the model's context.
  Result<std::vector<std::optional<PairScore>>> Score(const std::string& phrase,
                                                      std::span<const ItemId> items,
                                                      storage::Store* store);

  std::uint64_t cached_bytes();

 private:
  using Seen = std::shared_ptr<const captioning::SeenPicture>;
  struct Kept {
    ItemId item;
    Seen seen;
    std::uint64_t bytes;
  };

  Seen Find(ItemId item);
  void Keep(ItemId item, Seen seen);
  // The pictures of `items` that can be read, looked at, in no particular order.
  Result<std::vector<std::pair<ItemId, Seen>>> Look(std::span<const ItemId> items,
                                                    storage::Store* store);

  std::string directory_;
  Env* env_ = nullptr;
  std::uint64_t cache_bytes_ = 0;
  std::unique_ptr<captioning::Matcher> matcher_;

  std::mutex mutex_;
  std::list<Kept> kept_;  // guarded by mutex_: most recently asked first
  std::unordered_map<ItemId, std::list<Kept>::iterator> places_;  // likewise
  std::uint64_t bytes_ = 0;                                       // likewise
};

}  // namespace espy::rerank

#endif  // ESPY_ENGINE_RERANK_PAIR_MATCHER_H_
