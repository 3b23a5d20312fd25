// How long calls tell their caller how far they are.
#ifndef ESPY_PROGRESS_H_
#define ESPY_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

namespace espy {

struct Progress {
  std::string what;  // what is being counted: "vectors", "segments", "bytes", ...
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0 while unknown
};

// Called from one thread at a time, a few times a second.
using ProgressFn = std::function<void(const Progress&)>;

}  // namespace espy

#endif  // ESPY_PROGRESS_H_
