#include "text/vocabulary.h"

#include <algorithm>

#include "base/status_macros.h"
#include "text/edit_distance.h"

namespace espy::text {
namespace {

constexpr int kMaxPrefixTerms = 10'000;  // counted; one with more is held by many documents anyway

// The first character of `text`, whose bytes are UTF-8.
std::string_view FirstCharacter(std::string_view text) {
  std::size_t end = text.empty() ? 0 : 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return text.substr(0, end);
}

// The least string greater than all that begin with `prefix`, which is UTF-8 and so has a byte
// below 0xFF.
std::string EndOf(std::string_view prefix) {
  std::string end(prefix);
  ++reinterpret_cast<unsigned char&>(end.back());
  return end;
}

bool IsOfLetters(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<TableVocabulary> TableVocabulary::Open(Connection* connection) {
  TableVocabulary vocabulary;
  ESPY_ASSIGN_OR_RETURN(vocabulary.find_,
                        connection->Prepare("SELECT documents FROM terms WHERE term = ?1"));
  ESPY_ASSIGN_OR_RETURN(
      vocabulary.range_,
      connection->Prepare("SELECT term, documents FROM terms WHERE term >= ?1 AND term < ?2"));
  return vocabulary;
}

Result<std::uint64_t> TableVocabulary::Documents(std::string_view token) {
  find_.Bind(1, token);
  ESPY_ASSIGN_OR_RETURN(const bool found, find_.Step());
  const std::uint64_t documents = found ? static_cast<std::uint64_t>(find_.Number(0)) : 0;
  find_.Reset();
  return documents;
}

Result<std::uint64_t> TableVocabulary::DocumentsOfPrefix(std::string_view prefix) {
  range_.Bind(1, prefix);
  range_.Bind(2, EndOf(prefix));
  std::uint64_t documents = 0;
  for (int terms = 0; terms < kMaxPrefixTerms && documents < total_documents_; ++terms) {
    ESPY_ASSIGN_OR_RETURN(const bool row, range_.Step());
    if (!row) break;
    documents += static_cast<std::uint64_t>(range_.Number(1));
  }
  range_.Reset();
  return std::min(documents, total_documents_);
}

Status TableVocabulary::NearFrom(std::string_view first, std::string_view word, int edits,
                                 std::vector<NearWord>* near) {
  EditDistance distance(word);
  const auto slack = static_cast<std::size_t>(edits);
  range_.Bind(1, first);
  range_.Bind(2, EndOf(first));
  for (;;) {
    ESPY_ASSIGN_OR_RETURN(const bool row, range_.Step());
    if (!row) break;
    const std::string_view term = range_.Text(0);
    // A character has at most four bytes.
    if (term.size() + slack < distance.length() || term.size() > 4 * (distance.length() + slack) ||
        !IsOfLetters(term)) {
      continue;
    }
    const int found = distance.To(term, edits);
    if (found > edits) continue;
    near->push_back({std::string(term), found, static_cast<std::uint64_t>(range_.Number(1))});
  }
  range_.Reset();
  return Status::Ok();
}

Result<std::vector<NearWord>> TableVocabulary::Near(std::string_view word, int edits,
                                                    std::size_t limit) {
  std::vector<NearWord> near;
  const std::string_view first = FirstCharacter(word);
  const std::string_view second = FirstCharacter(word.substr(first.size()));
  ESPY_RETURN_IF_ERROR(NearFrom(first, word, edits, &near));
  if (!second.empty() && second != first) {
    ESPY_RETURN_IF_ERROR(NearFrom(second, word, edits, &near));
  }
  std::sort(near.begin(), near.end(), [](const NearWord& a, const NearWord& b) {
    if (a.edits != b.edits) return a.edits < b.edits;
    if (a.documents != b.documents) return a.documents > b.documents;
    return a.word < b.word;
  });
  if (near.size() > limit) near.resize(limit);
  return near;
}

}  // namespace espy::text
