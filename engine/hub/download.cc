#include "engine/hub/download.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "engine/hub/blob_file.h"
#include "engine/hub/failure.h"
#include "engine/hub/url.h"

namespace espy::hub {
namespace {

constexpr int kMostAnswers = 5;  // in a row that end without a byte more than was there

// Whether a file is there in its full length and, if asked, with its bytes.
Result<bool> IsWhole(const std::string& path, const RemoteFile& remote, bool verify,
                     const std::stop_token& stop) {
  const Result<FileFacts> facts = Env::Default()->Stat(path);
  if (!facts.ok() || facts->kind != FileFacts::Kind::kFile || facts->size != *remote.size) {
    return false;
  }
  return verify ? HasContent(path, remote, stop) : Result<bool>(true);
}

// One blob on its way.
class Transfer {
 public:
  Transfer(const FileTarget& target, const RemoteFile& remote, BlobFile* file,
           const BytesFn& on_bytes)
      : target_(target), remote_(remote), file_(file), on_bytes_(on_bytes) {}

  // One request and what its answer brings. Not OK when nothing more can come.
  Status Ask(Client* client);
  std::uint64_t fetched() const { return fetched_; }

 private:
  Status Begin(const Reply& reply);
  Status Take(std::string_view bytes);
  Status Restart();

  const FileTarget& target_;
  const RemoteFile& remote_;
  BlobFile* const file_;
  const BytesFn& on_bytes_;
  std::uint64_t fetched_ = 0;
};

Status Transfer::Restart() {
  on_bytes_(-static_cast<std::int64_t>(file_->written()));
  return file_->Restart();
}

Status Transfer::Begin(const Reply& reply) {
  const auto differs = [&](const std::string& what) {
    return Status::Corruption(reply.url + ": " + what +
                              " is not what the repository's listing says; try again, or check "
                              "HF_ENDPOINT");
  };
  if (const std::string* encoding = reply.headers.Find("Content-Encoding");
      encoding != nullptr && *encoding != "identity") {
    return Status::Unsupported(reply.url + ": comes as " + encoders::Printable(*encoding) +
                               " although it was asked for as it is; check HF_ENDPOINT");
  }
  const std::string* commit = reply.headers.Find("X-Repo-Commit");
  if (commit != nullptr && *commit != target_.commit) return differs("its commit");
  const std::string etag = EtagOf(reply.headers);
  if (IsHash(etag) && etag.size() == remote_.hash.size() && etag != remote_.hash) {
    return differs("its hash");
  }
  if (reply.headers.Find("X-Linked-Size") != nullptr && SizeOf(reply.headers) != remote_.size) {
    return differs("its size");
  }
  if (file_->written() == 0) return Status::Ok();
  if (reply.status != 206) return Restart();  // the range was not looked at
  const std::string* range = reply.headers.Find("Content-Range");
  const std::optional<ContentRange> given =
      range == nullptr ? std::nullopt : ParseContentRange(*range);
  if (!given || given->first != file_->written() ||
      given->total.value_or(*remote_.size) != *remote_.size) {
    return differs("the range of bytes that comes");
  }
  return Status::Ok();
}

Status Transfer::Take(std::string_view bytes) {
  const Status appended = file_->Append(bytes);
  if (appended.code() == StatusCode::kCorruption) file_->Remove();
  ESPY_RETURN_IF_ERROR(appended);
  fetched_ += bytes.size();
  on_bytes_(static_cast<std::int64_t>(bytes.size()));
  return Status::Ok();
}

Status Transfer::Ask(Client* client) {
  Receiver receiver;
  receiver.offset = [this] { return file_->written(); };
  receiver.begin = [this](const Reply& reply) { return Begin(reply); };
  receiver.take = [this](std::string_view bytes) { return Take(bytes); };
  const std::string url =
      FileUrl(*target_.settings, target_.name.repository, target_.commit, remote_.name);
  ESPY_ASSIGN_OR_RETURN(const Reply reply, client->Get(url, receiver));
  if (reply.status == 416 && file_->written() > 0) return Restart();
  return FailureOf(reply, *target_.settings, target_.name, remote_.name);
}

// Until the file is full. Answers that end early without saying so are asked for the rest.
Status Fill(Client* client, const FileTarget& target, const RemoteFile& remote, Transfer* transfer,
            const BlobFile& file) {
  std::uint64_t reached = file.written();
  for (int idle = 0; !file.full();) {
    ESPY_RETURN_IF_ERROR(transfer->Ask(client));
    idle = file.written() > reached ? 0 : idle + 1;
    reached = std::max(reached, file.written());
    if (idle == kMostAnswers) {
      return Status::Unavailable(target.name.repository + "/" + remote.name +
                                 ": the answers end before its " + std::to_string(*remote.size) +
                                 " bytes; is something between you and the hub? Try again later, "
                                 "or check HF_ENDPOINT");
    }
  }
  return Status::Ok();
}

}  // namespace

std::string FileUrl(const Settings& settings, const std::string& repository,
                    const std::string& commit, const std::string& file) {
  return settings.endpoint + "/" + EncodeForUrl(repository, "/") + "/resolve/" +
         EncodeForUrl(commit) + "/" + EncodeForUrl(file);
}

Status FillIn(Client* client, const Settings& settings, const encoders::HubName& name,
              const std::string& commit, RemoteFile* remote) {
  if (remote->size && !remote->hash.empty()) return Status::Ok();
  const std::string url = FileUrl(settings, name.repository, commit, remote->name);
  ESPY_ASSIGN_OR_RETURN(const Reply reply, client->Head(url));
  if (reply.status >= 400) return FailureOf(reply, settings, name, remote->name);
  if (!remote->size) remote->size = SizeOf(reply.headers);
  if (remote->hash.empty()) remote->hash = EtagOf(reply.headers);
  if (remote->size && IsHash(remote->hash)) return Status::Ok();
  return Status::Unsupported(url + ": the server gives no " + (remote->size ? "checksum" : "size") +
                             " for it; use another HF_ENDPOINT");
}

std::uint64_t BytesHere(const FileTarget& target, const RemoteFile& remote) {
  const auto size_of = [](const std::string& path) -> std::uint64_t {
    const Result<FileFacts> facts = Env::Default()->Stat(path);
    return facts.ok() && facts->kind == FileFacts::Kind::kFile ? facts->size : 0;
  };
  for (const std::string& path : {target.cache->Snapshot(target.commit) + "/" + remote.name,
                                  target.cache->Blob(remote.hash)}) {
    if (size_of(path) == *remote.size) return *remote.size;
  }
  const std::uint64_t partial = size_of(target.cache->Incomplete(remote.hash));
  return partial > *remote.size ? 0 : partial;
}

Result<FileOutcome> FetchFile(Client* client, const FileTarget& target, const RemoteFile& remote,
                              const BytesFn& on_bytes, std::stop_token stop) {
  const RepositoryCache& cache = *target.cache;
  const std::string snapshot = cache.Snapshot(target.commit) + "/" + remote.name;
  ESPY_ASSIGN_OR_RETURN(bool here, IsWhole(snapshot, remote, target.verify, stop));
  if (here) return FileOutcome{};
  ESPY_ASSIGN_OR_RETURN(const auto lock, BlobLock::Take(cache, remote.hash, stop));
  ESPY_ASSIGN_OR_RETURN(here, IsWhole(cache.Blob(remote.hash), remote, target.verify, stop));
  if (here) {
    ESPY_RETURN_IF_ERROR(cache.Link(target.commit, remote.name, remote.hash));
    return FileOutcome{};
  }

  ESPY_ASSIGN_OR_RETURN(const auto file,
                        BlobFile::Open(cache.Incomplete(remote.hash), remote, stop));
  on_bytes(static_cast<std::int64_t>(file->written()) -
           static_cast<std::int64_t>(BytesHere(target, remote)));  // what was wrong is not here
  FileOutcome outcome;
  Transfer transfer(target, remote, file.get(), on_bytes);
  for (bool from_start = file->written() == 0;; from_start = true) {
    ESPY_RETURN_IF_ERROR(Fill(client, target, remote, &transfer, *file));
    if (file->Matches()) break;
    on_bytes(-static_cast<std::int64_t>(file->written()));
    if (from_start) {
      file->Remove();
      return Status::Corruption(target.name.repository + "/" + remote.name +
                                ": what came has not " + "the hash " + remote.hash +
                                " that the hub gives for it; nothing of it was kept: try again");
    }
    ESPY_RETURN_IF_ERROR(file->Restart());
  }
  ESPY_RETURN_IF_ERROR(file->Commit(cache.Blob(remote.hash)));
  ESPY_RETURN_IF_ERROR(cache.Link(target.commit, remote.name, remote.hash));
  outcome.fetched = transfer.fetched();
  outcome.resumed = outcome.fetched < *remote.size;
  return outcome;
}

}  // namespace espy::hub
