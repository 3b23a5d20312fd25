// The program espy-parquet as a child process that lines go to, or come from. Parquet has no
// library among the packages that Espy is built from; Python's pyarrow is the one that everyone
// has.
#ifndef ESPY_ENGINE_TRANSFER_HELPER_H_
#define ESPY_ENGINE_TRANSFER_HELPER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::transfer {

// One thread. Destroyed before Finish, it stops the child, which then leaves no file.
class Helper {
 public:
  enum class Job { kRead, kWrite };
  // $ESPY_PARQUET, or espy-parquet on the PATH.
  static Result<std::unique_ptr<Helper>> Start(Job job, const std::string& file);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // kWrite: an error says what the child said.
  Status Write(std::string_view bytes);
  // kRead: the next line without its end; false at the end of all. A line longer than
  // kMaxLineBytes is an error.
  Result<bool> ReadLine(std::string_view* line);
  // Waits for the child; its complaint when it failed.
  Status Finish();

 private:
  Helper(std::string file, pid_t child, int to, int from, int complaints)
      : file_(std::move(file)), child_(child), to_(to), from_(from), complaints_(complaints) {}
  Status Flush();
  Status Failed();
  int Wait();
  std::string Complaint() const;

  const std::string file_;
  pid_t child_;           // -1: waited for
  int to_, from_;         // -1: closed
  const int complaints_;  // a file in memory
  std::string held_;      // of lines that were read, from at_ on; or that are to be written
  std::size_t at_ = 0;
};

}  // namespace espy::transfer

#endif  // ESPY_ENGINE_TRANSFER_HELPER_H_
