// What a verb returns when memory ran out inside it: each catches std::bad_alloc at its door.
#ifndef ESPY_ENGINE_OUT_OF_MEMORY_H_
#define ESPY_ENGINE_OUT_OF_MEMORY_H_

#include <new>
#include <string>

#include "espy/status.h"

namespace espy {

inline Status OutOfMemory(const char* verb) noexcept {
  try {
    return Status::ResourceExhausted(
        std::string(verb) +
        ": there is not enough memory; close other programs or give it more, then run it again");
  } catch (const std::bad_alloc&) {
    // So short that a string holds it without asking for memory.
    return Status(StatusCode::kResourceExhausted, "out of memory");
  }
}

}  // namespace espy

#endif  // ESPY_ENGINE_OUT_OF_MEMORY_H_
