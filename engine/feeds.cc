#include "engine/feeds.h"

#include <algorithm>

#include "base/logging.h"
#include "base/status_macros.h"

namespace espy {

Result<std::unique_ptr<Feeds>> Feeds::Open(Library::Impl* library) {
  ESPY_ASSIGN_OR_RETURN(std::shared_ptr<OpenSpace> current, library->Current());
  std::unique_ptr<Feeds> feeds(new Feeds(library));
  {
    // A migration sets the role of its space under the same lock, before it looks for what to do.
    std::lock_guard lock(library->write_mutex());
    ESPY_ASSIGN_OR_RETURN(current, library->Current());
    feeds->feeds_.push_back({current, nullptr});
    ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, library->store->Spaces());
    for (const storage::SpaceRow& row : rows) {
      if (row.number == current->row.number || row.role == storage::SpaceRole::kKept) continue;
      feeds->feeds_.push_back({library->Opened(row), nullptr});
    }
    library->running_feeds.push_back(feeds.get());
  }
  std::vector<Feed> loaded = feeds->feeds_;
  for (Feed& feed : loaded) {
    const auto encoder = feed.space->EncoderFor(/*image=*/true, /*text=*/false);
    if (encoder.ok()) {
      feed.encoder = *encoder;
      continue;
    }
    if (feed.space == current) return encoder.status();
    Log(LogLevel::kWarning, "new pictures get no vector of " + NameOf(feed.space->row) + ": " +
                                encoder.status().message());
  }
  std::erase_if(loaded, [](const Feed& feed) { return feed.encoder == nullptr; });
  std::lock_guard lock(library->write_mutex());
  feeds->feeds_ = std::move(loaded);
  return feeds;
}

Feeds::~Feeds() {
  {
    std::lock_guard lock(library_->write_mutex());
    std::erase(library_->running_feeds, this);
  }
  library_->feeds_done.notify_all();
}

bool Feeds::Contains(storage::SpaceNumber space) const {
  return std::any_of(feeds_.begin(), feeds_.end(),
                     [&](const Feed& feed) { return feed.space->row.number == space; });
}

}  // namespace espy
