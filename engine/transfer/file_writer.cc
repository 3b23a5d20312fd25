#include "engine/transfer/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/status_macros.h"

namespace espy::transfer {
namespace {
constexpr std::size_t kBufferBytes = 1u << 20;
}

Status RequireFree(Env* env, const std::string& path, bool overwrite) {
  if (overwrite || env->Stat(path).status().code() == StatusCode::kNotFound) return Status::Ok();
  return Status::InvalidArgument(path +
                                 ": is there already; name another file, or give --overwrite");
}

Result<std::unique_ptr<FileWriter>> FileWriter::Create(const std::string& path) {
  std::string temporary = path + ".unfinished";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return IoStatus(temporary, errno);
  return std::unique_ptr<FileWriter>(new FileWriter(path, std::move(temporary), file));
}

FileWriter::~FileWriter() {
  if (file_ >= 0) ::close(file_);
  if (!finished_) ::unlink(temporary_.c_str());
}

Status FileWriter::WriteOut(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return IoStatus(path_, n < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

Status FileWriter::Append(std::string_view bytes) {
  bytes_ += bytes.size();
  pending_ += bytes;
  if (pending_.size() < kBufferBytes) return Status::Ok();
  ESPY_RETURN_IF_ERROR(WriteOut(pending_));
  pending_.clear();
  return Status::Ok();
}

Status FileWriter::Overwrite(std::string_view bytes) {
  ESPY_RETURN_IF_ERROR(WriteOut(std::exchange(pending_, {})));
  if (::lseek(file_, 0, SEEK_SET) != 0) return IoStatus(path_, errno);
  ESPY_RETURN_IF_ERROR(WriteOut(bytes));
  return ::lseek(file_, 0, SEEK_END) >= 0 ? Status::Ok() : IoStatus(path_, errno);
}

Status FileWriter::Finish() {
  ESPY_RETURN_IF_ERROR(WriteOut(std::exchange(pending_, {})));
  if (::fsync(file_) != 0) return IoStatus(path_, errno);
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) return IoStatus(path_, errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return IoStatus(path_, errno);
  finished_ = true;
  const std::size_t slash = path_.find_last_of('/');
  return SyncDirectory(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
}

}  // namespace espy::transfer
