// A file's bytes as memory, read-only, paged in on use.
#ifndef ESPY_BASE_MAPPED_FILE_H_
#define ESPY_BASE_MAPPED_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/env.h"
#include "espy/status.h"

namespace espy {

class MappedFile {
 public:
  // An empty file maps to no bytes. The mapping stays valid for the object's life even if the file
  // is replaced by rename; a file truncated in place under it would fault, so models are replaced,
  // never rewritten.
  static Result<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  const FileFacts& facts() const { return facts_; }  // as it was opened

  // Brings the whole file into this process's memory at once, which is cheaper than page by page as
  // it is touched, in large pages where file system and kernel have them. A wish: nothing depends
  // on it.
  void Populate() const;
  // Takes the pages out of this process's memory again (the system's cache keeps them); they come
  // back as they are touched.
  void Forget() const;

 private:
  MappedFile(std::string path, FileFacts facts, const std::uint8_t* data, std::size_t size)
      : path_(std::move(path)), facts_(facts), data_(data), size_(size) {}
  std::string path_;
  FileFacts facts_;
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace espy

#endif  // ESPY_BASE_MAPPED_FILE_H_
