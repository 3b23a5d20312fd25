// A file that appears whole or not at all: written beside its place, synced, renamed.
#ifndef ESPY_ENGINE_TRANSFER_FILE_WRITER_H_
#define ESPY_ENGINE_TRANSFER_FILE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/env.h"
#include "espy/status.h"

namespace espy::transfer {

// InvalidArgument when a file of that name is there, unless it may be replaced.
Status RequireFree(Env* env, const std::string& path, bool overwrite);

// One thread. Without Finish nothing is left.
class FileWriter {
 public:
  static Result<std::unique_ptr<FileWriter>> Create(const std::string& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  Status Append(std::string_view bytes);
  // Over what is there from the start on, such as a header whose numbers are known at the end.
  Status Overwrite(std::string_view bytes);
  Status Finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  FileWriter(std::string path, std::string temporary, int file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(file) {}
  Status WriteOut(std::string_view bytes);

  const std::string path_, temporary_;
  int file_;
  std::string pending_;
  std::uint64_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace espy::transfer

#endif  // ESPY_ENGINE_TRANSFER_FILE_WRITER_H_
