// A page's candidates with what the library knows of them: what features are computed from.
#ifndef ESPY_ENGINE_CLICKS_SHORTLIST_H_
#define ESPY_ENGINE_CLICKS_SHORTLIST_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/library_impl.h"
#include "ranking/shortlist.h"
#include "storage/clicks.h"

namespace espy::clicks {

// Owns what the shortlist borrows.
class HeldShortlist {
 public:
  const ranking::Shortlist& view() const { return shortlist_; }

 private:
  friend Result<HeldShortlist> MakeShortlist(Library::Impl*, storage::SpaceNumber,
                                             std::span<const float>,
                                             std::span<const storage::PageCandidate>, std::int64_t,
                                             const storage::Snapshot*);
  std::vector<float> question_;
  std::vector<std::vector<float>> vectors_;
  ranking::Shortlist shortlist_;
};

// As of `now_unix`. What is gone of a candidate (it was forgotten, or has no vector in the space)
// is not known of it. A null snapshot is the newest state.
Result<HeldShortlist> MakeShortlist(Library::Impl* library, storage::SpaceNumber space,
                                    std::span<const float> question,
                                    std::span<const storage::PageCandidate> page,
                                    std::int64_t now_unix, const storage::Snapshot* snapshot);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_SHORTLIST_H_
