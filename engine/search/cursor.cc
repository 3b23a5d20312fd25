#include "engine/search/cursor.h"

#include <cmath>
#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "base/sha256.h"

namespace espy::search {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kBytes = 1 + 8 + 4 + 8 + 8;

void AddTerms(std::string* out, const std::vector<QueryTerm>& terms) {
  PutVarint(out, terms.size());
  for (const QueryTerm& term : terms) {
    PutVarint(out, static_cast<std::uint64_t>(term.kind));
    PutString(out, term.text);
    PutFixed(out, term.item);
    PutFixed(out, term.weight);
    PutVarint(out, term.vector.size());
    for (const float x : term.vector) PutFixed(out, x);
  }
}

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string FormatCursor(const Cursor& cursor) {
  std::string bytes(1, kVersion);
  PutFixed(&bytes, cursor.question);
  PutFixed(&bytes, cursor.score);
  PutFixed(&bytes, cursor.id);
  PutFixed(&bytes, cursor.rank);
  return ToHex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

Result<Cursor> ParseCursor(const std::string& text) {
  const Status wrong = Status::InvalidArgument(
      "--after: '" + text.substr(0, 80) +
      "' is no place in an answer; give the cursor of a hit, as `espy search --json` prints it");
  if (text.size() != 2 * kBytes) return wrong;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = Digit(text[i]), low = Digit(text[i + 1]);
    if (high < 0 || low < 0) return wrong;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  std::string_view rest(bytes);
  if (rest.front() != kVersion) return wrong;
  rest.remove_prefix(1);
  Cursor cursor;
  if (!GetFixed(&rest, &cursor.question) || !GetFixed(&rest, &cursor.score) ||
      !GetFixed(&rest, &cursor.id) || !GetFixed(&rest, &cursor.rank) ||
      !std::isfinite(cursor.score) || cursor.rank < 0 || cursor.rank > 1'000'000'000) {
    return wrong;
  }
  return cursor;
}

std::uint64_t Fingerprint(const Query& query, const SearchOptions& options) {
  std::string bytes;
  AddTerms(&bytes, query.terms);
  AddTerms(&bytes, query.like);
  AddTerms(&bytes, query.unlike);
  PutString(&bytes, options.where);
  PutFixed(&bytes, options.has_min_score ? options.min_score : -2.0f);
  for (const bool option :
       {options.auto_min_score, options.exclude_query_items, options.group_near, options.adapter}) {
    bytes.push_back(option ? 1 : 0);
  }
  const ContentHash hash = Sha256(bytes);
  std::uint64_t fingerprint = 0;
  std::memcpy(&fingerprint, hash.data(), sizeof(fingerprint));
  return fingerprint;
}

}  // namespace espy::search
