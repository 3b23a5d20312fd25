// Shell patterns over bytes: * (any run, slashes too), ? (one byte), [a-z] and [!a-z] (a set),
// \ (the next byte itself).
#ifndef ESPY_ENGINE_WHERE_GLOB_H_
#define ESPY_ENGINE_WHERE_GLOB_H_

#include <string_view>

namespace espy::where {

// Linear in the text for each star: no pattern makes it exponential. ignore_case folds ASCII
// letters.
bool GlobMatches(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_GLOB_H_
