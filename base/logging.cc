#include "base/logging.h"

#include <memory>
#include <mutex>
#include <utility>

namespace espy {
namespace {
std::mutex hook_mutex;
std::shared_ptr<const LogHook> current_hook;  // guarded by hook_mutex
}  // namespace

void SetLogHook(LogHook hook) {
  auto replacement = hook ? std::make_shared<const LogHook>(std::move(hook)) : nullptr;
  std::lock_guard lock(hook_mutex);
  current_hook = std::move(replacement);
}

void Log(LogLevel level, std::string_view message) {
  std::shared_ptr<const LogHook> hook;
  {
    std::lock_guard lock(hook_mutex);
    hook = current_hook;
  }
  if (hook) (*hook)(level, message);
}

}  // namespace espy
