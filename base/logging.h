// The library does not print: it hands what an operator may want to know to one hook, which the program sets.
#ifndef ESPY_BASE_LOGGING_H_
#define ESPY_BASE_LOGGING_H_

#include <functional>
#include <string>
#include <string_view>

namespace espy {

enum class LogLevel { kInfo, kWarning };
using LogHook = std::function<void(LogLevel, std::string_view)>;

// Replaces the hook (none at start: messages are dropped). Any thread; the hook may be called from any thread.
void SetLogHook(LogHook hook);
void Log(LogLevel level, std::string_view message);

}  // namespace espy

#endif  // ESPY_BASE_LOGGING_H_
