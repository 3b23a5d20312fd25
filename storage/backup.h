// Generations of a library's database in a backup folder, by RocksDB's BackupEngine.
#ifndef ESPY_STORAGE_BACKUP_H_
#define ESPY_STORAGE_BACKUP_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/backup.h"

namespace espy::storage {

Result<std::vector<BackupGeneration>> ListBackups(const std::string& directory);
Status VerifyBackup(const std::string& directory, std::uint32_t generation);
// Into `library`, a directory that is not there yet.
Result<BackupGeneration> RestoreInto(const std::string& directory, std::uint32_t generation,
                                     const std::string& library);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_BACKUP_H_
