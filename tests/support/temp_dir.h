// A fresh directory for one test, removed with all it holds when the test ends.
#ifndef ESPY_TESTS_SUPPORT_TEMP_DIR_H_
#define ESPY_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>
#include <string_view>

namespace espy::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes a file below the directory (parents are made) and returns its path.
  std::string Write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
};

// The bytes of a file; fails the test when it cannot be read.
std::string ReadFileOrDie(const std::string& path);

}  // namespace espy::testing

// Fails the test with the status's message.
#define ESPY_ASSERT_OK(expression)                                          \
  do {                                                                      \
    const auto& espy_outcome_ = (expression);                               \
    ASSERT_TRUE(espy_outcome_.ok()) << ::espy::testing::Why(espy_outcome_); \
  } while (false)

#include "espy/status.h"

namespace espy::testing {
inline std::string Why(const Status& status) { return status.message(); }
template <class T>
std::string Why(const Result<T>& result) {
  return result.status().message();
}
}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_TEMP_DIR_H_
