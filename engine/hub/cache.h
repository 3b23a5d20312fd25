// Writing to the cache that encoders/hub_cache.h reads.
#ifndef ESPY_ENGINE_HUB_CACHE_H_
#define ESPY_ENGINE_HUB_CACHE_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "espy/status.h"

namespace espy::hub {

// One repository's part of the cache. Makes its folders as they are needed. Every name given must
// be a plain one: callers have checked hashes, commits and file names.
class RepositoryCache {
 public:
  RepositoryCache(std::string cache, const std::string& repository);

  std::string Blob(const std::string& hash) const;
  // What has come so far, as earlier releases of huggingface_hub name it: they go on with ours, and
  // we with theirs. Release 2.4 keeps nothing of a download that broke off.
  std::string Incomplete(const std::string& hash) const;
  std::string Snapshot(const std::string& commit) const;

  // The folders of blobs and locks. (Not CACHEDIR.TAG: the scan of earlier huggingface_hub takes it
  // for a broken repository.)
  Status Prepare() const;
  // snapshots/COMMIT/FILE -> ../../blobs/HASH. Where links cannot be made, the bytes are moved
  // there.
  Status Link(const std::string& commit, const std::string& file, const std::string& hash) const;
  // refs/REVISION names COMMIT, replaced whole. Nothing for a revision that is the commit.
  Status SetRef(const std::string& revision, const std::string& commit) const;

  // Bytes that may still be written, to this user.
  Result<std::uint64_t> FreeBytes() const;
  const std::string& cache() const { return cache_; }

 private:
  friend class BlobLock;
  std::string cache_;
  std::string folder_;  // CACHE/models--ORG--NAME
  std::string locks_;   // CACHE/.locks/models--ORG--NAME
};

// Held while a blob is written, by whichever tool: flock, as the filelock library takes it.
class BlobLock {
 public:
  // Waits for whoever has it; Cancelled when `stop` comes first.
  static Result<std::unique_ptr<BlobLock>> Take(const RepositoryCache& cache,
                                                const std::string& hash, std::stop_token stop);
  ~BlobLock();
  BlobLock(const BlobLock&) = delete;
  BlobLock& operator=(const BlobLock&) = delete;

 private:
  explicit BlobLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_CACHE_H_
