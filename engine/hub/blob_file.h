// A blob while it comes: its bytes go to a file and through the hash that they must have.
#ifndef ESPY_ENGINE_HUB_BLOB_FILE_H_
#define ESPY_ENGINE_HUB_BLOB_FILE_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/hub/listing.h"
#include "espy/status.h"

namespace espy::hub {

// The hash that a RemoteFile of `size` bytes is told with: SHA-256, or git's (SHA-1 of "blob SIZE",
// a NUL and the bytes), by the number of its digits.
class ContentHash {
 public:
  ContentHash(std::size_t digits, std::uint64_t size);
  ~ContentHash();
  void Update(std::string_view bytes);
  std::string Finish();  // hex; once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether the file at `path` has the size and, read whole, the hash. Cancelled when `stop` comes.
Result<bool> HasContent(const std::string& path, const RemoteFile& remote, std::stop_token stop);

// One thread at a time.
class BlobFile {
 public:
  // Opens or makes the file; what it holds already is hashed, and dropped when it is more than the
  // blob. remote.size and remote.hash must be there.
  static Result<std::unique_ptr<BlobFile>> Open(const std::string& path, const RemoteFile& remote,
                                                std::stop_token stop);
  ~BlobFile();
  BlobFile(const BlobFile&) = delete;
  BlobFile& operator=(const BlobFile&) = delete;

  std::uint64_t written() const { return written_; }
  bool full() const { return written_ == *remote_.size; }
  Status Restart();
  // Corruption, with nothing written, for more bytes than the blob has: what came is not the blob.
  Status Append(std::string_view bytes);
  // Once full: whether the bytes have the hash. Restart() or Commit() must follow.
  bool Matches();
  // Makes the bytes durable and gives the file its name, with the permissions that the user's new
  // files have.
  Status Commit(const std::string& path);
  void Remove();

 private:
  BlobFile(std::string path, RemoteFile remote, int fd);
  Status HashWhatIsThere(std::stop_token stop);

  const std::string path_;
  const RemoteFile remote_;
  const int fd_;
  std::uint64_t written_ = 0;
  std::unique_ptr<ContentHash> hash_;
};

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_BLOB_FILE_H_
