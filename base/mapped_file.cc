#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace espy {

Result<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return IoStatus(path, errno);
  struct stat st {};
  if (::fstat(fd, &st) != 0) {
    const int error = errno;
    ::close(fd);
    return IoStatus(path, error);
  }
  if (!S_ISREG(st.st_mode)) {
    ::close(fd);
    return Status::InvalidArgument(path + ": not a regular file");
  }
  const auto size = static_cast<std::size_t>(st.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      const int error = errno;
      ::close(fd);
      return IoStatus(path, error);
    }
  }
  ::close(fd);
  return std::unique_ptr<MappedFile>(
      new MappedFile(path, FactsOf(st), static_cast<const std::uint8_t*>(data), size));
}

void MappedFile::Populate() const {
  if (size_ == 0) return;
  auto* memory = const_cast<std::uint8_t*>(data_);
  ::madvise(memory, size_, MADV_HUGEPAGE);
#if defined(MADV_POPULATE_READ)
  if (::madvise(memory, size_, MADV_POPULATE_READ) == 0) return;  // Linux 5.14
#endif
  ::madvise(memory, size_, MADV_WILLNEED);
}

void MappedFile::Forget() const {
  if (size_ > 0) ::madvise(const_cast<std::uint8_t*>(data_), size_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

}  // namespace espy
