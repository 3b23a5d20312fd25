// A repository's files at one commit, as the hub's API tells them.
#ifndef ESPY_ENGINE_HUB_LISTING_H_
#define ESPY_ENGINE_HUB_LISTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::hub {

struct RemoteFile {
  std::string name;  // in the repository's root
  std::optional<std::uint64_t> size;
  // 64 hex digits: the SHA-256 of the bytes (large files); 40: git's name of them; "": not told.
  std::string hash;
};

struct Listing {
  std::string commit;             // 40 hex digits
  std::vector<RemoteFile> files;  // those in the root, sorted by name
  std::string licence;            // as the card tags it; "" when it does not

  // nullptr when there is none.
  const RemoteFile* Find(std::string_view name) const;
  RemoteFile* Find(std::string_view name);
};

// {"sha": ..., "siblings": [{"rfilename": ..., "size": ..., "blobId": ..., "lfs": {"sha256":
// ...}}], "cardData": {"license": ...}}: the answer of GET
// /api/models/REPOSITORY/revision/REVISION?blobs=true. Sizes and hashes may be absent (some mirrors
// leave them out); one that is there and cannot be one is Corruption. `name` stands in messages.
// Files below folders are passed over: none is read.
Result<Listing> ParseListing(std::string_view json, const std::string& name);

// A longer answer is not read.
inline constexpr std::uint64_t kMaxListingBytes = 32 << 20;

// Whether the text is the hash of a RemoteFile, other than "".
bool IsHash(std::string_view text);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_LISTING_H_
