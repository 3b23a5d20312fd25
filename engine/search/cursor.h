// A place in a ranking as text: where the next page begins.
//
// The order of hits is total (score, then id), so that a place in it needs no item to stand there
// and no state to be kept: what is added or forgotten between two pages moves nothing across it.
#ifndef ESPY_ENGINE_SEARCH_CURSOR_H_
#define ESPY_ENGINE_SEARCH_CURSOR_H_

#include <cstdint>
#include <string>

#include "espy/query.h"

namespace espy::search {

struct Cursor {
  std::uint64_t question = 0;  // Fingerprint of the question that it belongs to
  float score = 0;
  ItemId id = kNoItem;
  std::int64_t rank = 0;  // of that hit: how many stood before the next page
};

// bytes: version 1 (1), question (8), score (4), id (8), rank (8), all little-endian; as
// hexadecimal digits.
std::string FormatCursor(const Cursor& cursor);
Result<Cursor> ParseCursor(const std::string& text);

// The same for the same question: terms, examples and the options that choose or order hits, but
// not k.
std::uint64_t Fingerprint(const Query& query, const SearchOptions& options);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_CURSOR_H_
