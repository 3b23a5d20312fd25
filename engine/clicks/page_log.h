// Pages on their way into the library. A writer gathers them and commits them together; an opening
// that may only read leaves each in the folder `shown`, from where the next writer takes it.
#ifndef ESPY_ENGINE_CLICKS_PAGE_LOG_H_
#define ESPY_ENGINE_CLICKS_PAGE_LOG_H_

#include <mutex>
#include <string>
#include <vector>

#include "base/env.h"
#include "espy/status.h"
#include "storage/store.h"

namespace espy::clicks {

// Any thread.
class PageLog {
 public:
  PageLog(std::string directory, storage::Store* store, Env* env, bool read_only)
      : directory_(std::move(directory)), store_(store), env_(env), read_only_(read_only) {}

  // Not durable until Flush. What cannot be kept is told to the log hook: a search does not fail
  // for it.
  void Add(storage::PageRow page);
  // All that was added, and what readers left, is in the store.
  Status Flush();
  // The same for a destructor: nobody was promised these pages.
  void FlushAtClose() noexcept;
  // What readers left and no writer took yet, in order of time; damaged files are passed over.
  Result<std::vector<storage::PageRow>> Left() const;

 private:
  void Leave(const storage::PageRow& page);
  // Moves what readers left into the transaction; `taken` are the files to remove when it is made.
  Status TakeLeft(storage::Transaction* transaction, std::vector<std::string>* taken);

  const std::string directory_;
  storage::Store* const store_;
  Env* const env_;
  const bool read_only_;
  std::mutex mutex_;
  std::vector<storage::PageRow> waiting_;  // guarded by mutex_
};

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_PAGE_LOG_H_
