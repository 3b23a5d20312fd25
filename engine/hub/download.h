// One file of a repository brought into the cache.
#ifndef ESPY_ENGINE_HUB_DOWNLOAD_H_
#define ESPY_ENGINE_HUB_DOWNLOAD_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "encoders/hub_cache.h"
#include "engine/hub/cache.h"
#include "engine/hub/client.h"
#include "engine/hub/listing.h"
#include "engine/hub/settings.h"
#include "espy/status.h"

namespace espy::hub {

// ENDPOINT/REPOSITORY/resolve/COMMIT/FILE.
std::string FileUrl(const Settings& settings, const std::string& repository,
                    const std::string& commit, const std::string& file);

// Asks the file's headers for what the listing left out (X-Linked-Size and X-Linked-Etag, else
// Content-Length and ETag). Unsupported when the server gives no checksum.
Status FillIn(Client* client, const Settings& settings, const encoders::HubName& name,
              const std::string& commit, RemoteFile* remote);

struct FileTarget {
  const Settings* settings;
  encoders::HubName name;
  std::string commit;
  const RepositoryCache* cache;
  bool verify = false;  // hash what is here already, too
};

// How many of the file's bytes are here: all, those that came before a transfer broke off, or none.
std::uint64_t BytesHere(const FileTarget& target, const RemoteFile& remote);

struct FileOutcome {
  std::uint64_t fetched = 0;  // bytes that came over the network
  bool resumed = false;       // on top of what had come before
};

// Called with the bytes that came; negative when some are taken back.
using BytesFn = std::function<void(std::int64_t)>;

// Makes the snapshot hold the file: nothing is fetched when its blob is here; else it is fetched
// under the blob's lock, from where an earlier transfer broke off, and takes its name only with the
// size and the hash that the hub gave. What came stays for the next time, whatever ends this one,
// unless its hash is wrong: then it is fetched once more from the start, and after that Corruption.
Result<FileOutcome> FetchFile(Client* client, const FileTarget& target, const RemoteFile& remote,
                              const BytesFn& on_bytes, std::stop_token stop);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_DOWNLOAD_H_
