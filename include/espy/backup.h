// Copies of a library that can be gone back to: Library::Backup makes one, these list and restore
// them.
//
// A backup folder holds generations. Each is a whole library as it was at one moment; files that
// two of them have in common lie there once, so that another generation costs what changed. Every
// file has a checksum.
#ifndef ESPY_BACKUP_H_
#define ESPY_BACKUP_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/export.h"
#include "espy/progress.h"
#include "espy/status.h"

namespace espy {

struct BackupOptions {
  std::string directory;   // made when it is not there; empty, or one of backups
  std::uint32_t keep = 0;  // then only this many of the newest generations stay; 0: all
};

struct BackupGeneration {
  std::uint32_t number = 0;    // from 1, in order of time
  std::int64_t when_unix = 0;  // seconds since 1970 UTC
  std::uint64_t seq = 0;    // the library's sequence number: it holds every change up to this one
  std::uint64_t bytes = 0;  // of all its files, also those shared with other generations
  std::uint64_t files = 0;
  std::string library;  // the directory that it was made from
};

struct BackupReport {
  BackupGeneration generation;
  std::uint64_t copied_bytes = 0;  // that no earlier generation had
  std::uint64_t generations = 0;   // in the folder now
};

struct RestoreOptions {
  std::string directory;         // of backups
  std::string library;           // where to: a new directory
  std::uint32_t generation = 0;  // 0: the newest
  bool overwrite = false;        // replace the library that is there
};

// Oldest first. NotFound when there is no backup folder.
ESPY_EXPORT Result<std::vector<BackupGeneration>> ListBackups(const std::string& directory);

// Compares every file of a generation (0: of all of them) with its checksum.
ESPY_EXPORT Status VerifyBackup(const std::string& directory, std::uint32_t generation = 0);

// Makes a library of a generation, after its files were compared with their checksums. The library
// appears whole or not at all; one that is there stays untouched unless it is to be replaced, and
// then until the new one is whole. Unavailable while another process writes to it.
ESPY_EXPORT Result<BackupGeneration> RestoreBackup(const RestoreOptions& options,
                                                   std::stop_token stop = {});

}  // namespace espy

#endif  // ESPY_BACKUP_H_
