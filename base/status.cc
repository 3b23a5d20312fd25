#include "espy/status.h"

#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace espy {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "ok";
    case StatusCode::kNotFound:
      return "not_found";
    case StatusCode::kInvalidArgument:
      return "invalid_argument";
    case StatusCode::kCorruption:
      return "corruption";
    case StatusCode::kIoError:
      return "io_error";
    case StatusCode::kUnsupported:
      return "unsupported";
    case StatusCode::kResourceExhausted:
      return "resource_exhausted";
    case StatusCode::kUnavailable:
      return "unavailable";
    case StatusCode::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

namespace internal {
void DieOnBadResult(const Status& status) {
  std::fprintf(stderr, "espy: bug: a Result without a value was read (%s)\n",
               status.message().c_str());
  std::abort();
}
}  // namespace internal

void CheckFailed(const char* file, int line, const char* condition, const char* sentence) {
  std::fprintf(stderr, "espy: bug: %s:%d: %s (%s)\n", file, line, sentence, condition);
  std::abort();
}

}  // namespace espy
