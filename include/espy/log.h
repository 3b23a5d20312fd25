// The library does not print: it hands what an operator may want to know to one hook, which the
// program sets.
#ifndef ESPY_LOG_H_
#define ESPY_LOG_H_

#include <functional>
#include <string_view>

#include "espy/export.h"

namespace espy {

enum class LogLevel { kInfo, kWarning };
using LogHook = std::function<void(LogLevel, std::string_view)>;

// Replaces the hook (none at start: messages are dropped). Any thread; the hook may be called from
// any thread.
ESPY_EXPORT void SetLogHook(LogHook hook);

}  // namespace espy

#endif  // ESPY_LOG_H_
