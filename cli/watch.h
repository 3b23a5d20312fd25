// Waits until something changes in folders, by inotify.
#ifndef ESPY_CLI_WATCH_H_
#define ESPY_CLI_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy::cli {

class FolderWatch {
 public:
  // Watches each of `roots` and all folders below (a file's folder when a root is a file), but
  // never `library`, nor a hidden folder: ingest enters none, and a library is one.
  // ResourceExhausted when the system gives no more watches.
  static Result<std::unique_ptr<FolderWatch>> Create(const std::vector<std::string>& roots,
                                                     const std::string& library);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Waits for a change, then until nothing has changed for half a second (ten seconds at most), so
  // that a copied folder is one change. Folders that came are watched from then on. False when
  // stopped.
  Result<bool> WaitForChange(std::stop_token stop);

 private:
  FolderWatch() = default;
  Status Add(const std::string& folder);  // and all below
  Status ReadEvents(bool* changed);
  // True when there is something to read within the time (-1: however long it takes); false at the
  // time's end.
  bool Poll(int timeout_ms);

  int inotify_fd_ = -1;
  int stop_fd_ = -1;  // an eventfd that a stop request makes readable
  std::uint64_t library_device_ = 0, library_inode_ = 0;
  std::vector<std::string> roots_;
  std::map<int, std::string> folders_;  // watch descriptor -> folder
};

}  // namespace espy::cli

#endif  // ESPY_CLI_WATCH_H_
