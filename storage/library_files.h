// The three small files beside db/: who writes (LOCK), which format (FORMAT), how far commits were
// acknowledged (ACKED).
#ifndef ESPY_STORAGE_LIBRARY_FILES_H_
#define ESPY_STORAGE_LIBRARY_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "espy/status.h"

namespace espy::storage {

// The right to write, held until destruction. It is the kernel's lock on an open file, so a killed
// process leaves none.
class LibraryLock {
 public:
  // Unavailable, naming the process that holds it, when another has it.
  static Result<std::unique_ptr<LibraryLock>> Take(const std::string& directory);
  ~LibraryLock();
  LibraryLock(const LibraryLock&) = delete;
  LibraryLock& operator=(const LibraryLock&) = delete;

 private:
  explicit LibraryLock(int file) : file_(file) {}
  int file_;
};

enum class LibraryState { kAbsent, kEmpty, kPresent };

// What lies at `directory`: nothing (or an empty directory, or one where making a library stopped
// before db/ had anything), or a library of a format that this program reads. Everything else is an
// error that says what to do.
Result<LibraryState> InspectLibrary(const std::string& directory);

// Writes FORMAT. The first thing to do in a new library, before db/ exists.
Status WriteFormat(const std::string& directory);

// The highest sequence number that was acknowledged as synced, written after each commit and never
// itself synced once it is there: after a power cut it may be older than the truth, and is never
// newer. A log that ends below it has lost acknowledged changes, which a checksum alone cannot tell
// from a write cut short by a crash.
class AckedMark {
 public:
  static Result<std::unique_ptr<AckedMark>> Open(const std::string& directory);
  // For a writer that does not sync, and so acknowledges more than a mark could say.
  static Status Remove(const std::string& directory);
  ~AckedMark();
  AckedMark(const AckedMark&) = delete;
  AckedMark& operator=(const AckedMark&) = delete;

  void Set(std::uint64_t seq);  // best effort: without it only the check above is weaker

  // What is written; nothing when there is no mark or it is torn.
  static std::optional<std::uint64_t> Read(const std::string& directory);

 private:
  explicit AckedMark(int file) : file_(file) {}
  int file_;
};

}  // namespace espy::storage

#endif  // ESPY_STORAGE_LIBRARY_FILES_H_
