// What an operator may want to know, handed to the hook of espy/log.h.
#ifndef ESPY_BASE_LOGGING_H_
#define ESPY_BASE_LOGGING_H_

#include <string_view>

#include "espy/log.h"

namespace espy {

void Log(LogLevel level, std::string_view message);

}  // namespace espy

#endif  // ESPY_BASE_LOGGING_H_
