#include "engine/hub/blob_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/sha1.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace espy::hub {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kReadBytes = 1 << 20;

// Feeds `take` the file's bytes from where it stands to its end.
template <class Take>
Status ReadAll(int fd, const std::string& path, const std::stop_token& stop, Take take) {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    if (stop.stop_requested()) return Status::Cancelled(path + ": stopped");
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(path, errno);
    if (n == 0) return Status::Ok();
    take(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
}

}  // namespace

struct ContentHash::State {
  std::optional<Sha256Stream> sha256;
  std::optional<Sha1Stream> sha1;
};

ContentHash::ContentHash(std::size_t digits, std::uint64_t size)
    : state_(std::make_unique<State>()) {
  if (digits == kSha256Digits) {
    state_->sha256.emplace();
  } else {
    state_->sha1.emplace();
    std::string head = "blob " + std::to_string(size);
    head.push_back('\0');
    state_->sha1->Update(head);
  }
}
ContentHash::~ContentHash() = default;

void ContentHash::Update(std::string_view bytes) {
  if (state_->sha256) state_->sha256->Update(bytes);
  if (state_->sha1) state_->sha1->Update(bytes);
}

std::string ContentHash::Finish() {
  if (state_->sha256) {
    const Sha256Digest digest = state_->sha256->Finish();
    return ToHex(digest.data(), digest.size());
  }
  const Sha1Digest digest = state_->sha1->Finish();
  return ToHex(digest.data(), digest.size());
}

Result<bool> HasContent(const std::string& path, const RemoteFile& remote, std::stop_token stop) {
  ESPY_ASSIGN_OR_RETURN(const FileFacts facts, Env::Default()->Stat(path));
  if (facts.kind != FileFacts::Kind::kFile || facts.size != *remote.size) return false;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return IoStatus(path, errno);
  ContentHash hash(remote.hash.size(), *remote.size);
  const Status read = ReadAll(fd, path, stop, [&hash](std::string_view b) { hash.Update(b); });
  ::close(fd);
  ESPY_RETURN_IF_ERROR(read);
  return hash.Finish() == remote.hash;
}

BlobFile::BlobFile(std::string path, RemoteFile remote, int fd)
    : path_(std::move(path)),
      remote_(std::move(remote)),
      fd_(fd),
      hash_(std::make_unique<ContentHash>(remote_.hash.size(), *remote_.size)) {}

BlobFile::~BlobFile() { ::close(fd_); }

Result<std::unique_ptr<BlobFile>> BlobFile::Open(const std::string& path, const RemoteFile& remote,
                                                 std::stop_token stop) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return IoStatus(path, errno);
  std::unique_ptr<BlobFile> file(new BlobFile(path, remote, fd));
  ESPY_RETURN_IF_ERROR(file->HashWhatIsThere(std::move(stop)));
  return file;
}

Status BlobFile::HashWhatIsThere(std::stop_token stop) {
  struct stat facts {};
  if (::fstat(fd_, &facts) != 0) return IoStatus(path_, errno);
  if (!S_ISREG(facts.st_mode)) {
    return Status::IoError(path_ + ": is no regular file; remove it and try again");
  }
  if (static_cast<std::uint64_t>(facts.st_size) > *remote_.size) return Restart();
  return ReadAll(fd_, path_, stop, [this](std::string_view bytes) {
    hash_->Update(bytes);
    written_ += bytes.size();
  });
}

Status BlobFile::Restart() {
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) return IoStatus(path_, errno);
  written_ = 0;
  hash_ = std::make_unique<ContentHash>(remote_.hash.size(), *remote_.size);
  return Status::Ok();
}

Status BlobFile::Append(std::string_view bytes) {
  if (bytes.size() > *remote_.size - written_) {
    return Status::Corruption(remote_.name + ": more came than its " +
                              std::to_string(*remote_.size) +
                              " bytes; is something between you and the hub? Try again, or check "
                              "HF_ENDPOINT");
  }
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(path_, errno);
    hash_->Update(rest.substr(0, static_cast<std::size_t>(n)));
    written_ += static_cast<std::uint64_t>(n);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

bool BlobFile::Matches() { return full() && hash_->Finish() == remote_.hash; }

Status BlobFile::Commit(const std::string& path) {
  if (::fsync(fd_) != 0) return IoStatus(path_, errno);
  if (::rename(path_.c_str(), path.c_str()) != 0) return IoStatus(path, errno);
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

void BlobFile::Remove() { ::unlink(path_.c_str()); }

}  // namespace espy::hub
