#include "engine/where/glob.h"

namespace espy::where {
namespace {

char Fold(char c, bool ignore_case) {
  return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Matches one pattern element (not a star) at *p against c, and moves *p past it.
bool MatchOne(std::string_view pattern, std::size_t* p, char c, bool ignore_case) {
  const char kind = pattern[*p];
  if (kind == '?') {
    ++*p;
    return true;
  }
  if (kind == '[') {
    std::size_t i = *p + 1;
    const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (negated) ++i;
    const std::size_t first = i;
    bool found = false;
    for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
      char low = pattern[i], high = low;
      if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
        high = pattern[i + 2];
        i += 2;
      }
      const auto byte = static_cast<unsigned char>(Fold(c, ignore_case));
      found |= byte >= static_cast<unsigned char>(Fold(low, ignore_case)) &&
               byte <= static_cast<unsigned char>(Fold(high, ignore_case));
    }
    if (i < pattern.size()) {
      *p = i + 1;
      return found != negated;
    }
    // No closing bracket: the bracket stands for itself.
  }
  if (kind == '\\' && *p + 1 < pattern.size()) ++*p;
  const bool same = Fold(pattern[*p], ignore_case) == Fold(c, ignore_case);
  ++*p;
  return same;
}

}  // namespace

bool GlobMatches(std::string_view pattern, std::string_view text, bool ignore_case) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, star_text = 0;  // where to go back to
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    std::size_t next = p;
    if (p < pattern.size() && MatchOne(pattern, &next, text[t], ignore_case)) {
      p = next;
      ++t;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace espy::where
