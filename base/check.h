// CHECK stops the program at a bug, with the condition and a sentence. Conditions of the outside
// world are Status.
#ifndef ESPY_BASE_CHECK_H_
#define ESPY_BASE_CHECK_H_

namespace espy {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* sentence);
}  // namespace espy

#define ESPY_CHECK(condition, sentence)                              \
  do {                                                               \
    if (!(condition)) [[unlikely]] {                                 \
      ::espy::CheckFailed(__FILE__, __LINE__, #condition, sentence); \
    }                                                                \
  } while (false)

#endif  // ESPY_BASE_CHECK_H_
