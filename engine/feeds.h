// The spaces that an ingest writes vectors for: the current one, one that a migration is filling,
// and a retired one that is still to be fed. While it lives the library knows, so that no space
// becomes current before the ingests that do not write for it are through, and none that is written
// for is dropped.
#ifndef ESPY_ENGINE_FEEDS_H_
#define ESPY_ENGINE_FEEDS_H_

#include <memory>
#include <vector>

#include "engine/library_impl.h"

namespace espy {

class Feeds {
 public:
  struct Feed {
    std::shared_ptr<OpenSpace> space;
    const encoders::Encoder* encoder = nullptr;
  };

  // Loads the encoders. Of a space that is not current, one that cannot be loaded is left out with
  // a warning: the migration makes up for it.
  static Result<std::unique_ptr<Feeds>> Open(Library::Impl* library);
  ~Feeds();
  Feeds(const Feeds&) = delete;
  Feeds& operator=(const Feeds&) = delete;

  const std::vector<Feed>& all() const { return feeds_; }  // the current space's first

  // With the library's write_mutex held.
  bool Contains(storage::SpaceNumber space) const;

 private:
  explicit Feeds(Library::Impl* library) : library_(library) {}

  Library::Impl* const library_;
  std::vector<Feed> feeds_;  // changed only with the library's write_mutex held
};

}  // namespace espy

#endif  // ESPY_ENGINE_FEEDS_H_
