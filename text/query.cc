#include "text/query.h"

#include <algorithm>

namespace espy::text {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int ColumnOf(std::string_view name) {
  if (name == "tags") name = "tag";
  const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), name);
  return found == kColumnNames.end() ? kAnyColumn : static_cast<int>(found - kColumnNames.begin());
}

// Takes "tag:" off the front of `text`.
int TakeColumn(std::string_view* text) {
  const std::size_t colon = text->find_first_of(": \t\r\n\"");
  if (colon == std::string_view::npos || (*text)[colon] != ':') return kAnyColumn;
  if (colon + 1 == text->size() || IsSpace((*text)[colon + 1])) return kAnyColumn;
  const int column = ColumnOf(text->substr(0, colon));
  if (column != kAnyColumn) text->remove_prefix(colon + 1);
  return column;
}

// Takes "*", "~", "~1" or "~2" off the end of a word.
void TakeSuffix(std::string_view word, Clause* clause) {
  if (word.ends_with('*')) {
    while (word.ends_with('*')) word.remove_suffix(1);
    clause->kind = Clause::Kind::kPrefix;
  } else if (word.ends_with('~')) {
    word.remove_suffix(1);
    clause->edits = 1;
  } else if (word.ends_with("~1") || word.ends_with("~2")) {
    clause->edits = word.back() - '0';
    word.remove_suffix(2);
  }
  clause->text = word;
}

Clause TakeClause(std::string_view* text) {
  Clause clause;
  if (text->size() > 1 && !IsSpace((*text)[1]) && (text->front() == '+' || text->front() == '-')) {
    clause.occur = text->front() == '+' ? Clause::Occur::kMust : Clause::Occur::kMustNot;
    text->remove_prefix(1);
  }
  clause.column = TakeColumn(text);
  if (text->starts_with('"')) {
    text->remove_prefix(1);
    const std::size_t end = std::min(text->find('"'), text->size());
    clause.kind = Clause::Kind::kPhrase;
    clause.text = text->substr(0, end);
    text->remove_prefix(std::min(end + 1, text->size()));
    if (text->starts_with('*')) {  // "red ca"*: the last word is the beginning of one
      clause.kind = Clause::Kind::kPrefix;
      text->remove_prefix(1);
    }
  } else {
    const auto* end =
        std::find_if(text->begin(), text->end(), [](char c) { return IsSpace(c) || c == '"'; });
    const auto length = static_cast<std::size_t>(end - text->begin());
    TakeSuffix(text->substr(0, length), &clause);
    text->remove_prefix(length);
  }
  return clause;
}

}  // namespace

Result<TextQuery> ParseTextQuery(std::string_view text) {
  if (text.size() > kMaxQueryBytes) {
    return Status::ResourceExhausted("text query: " + std::to_string(text.size()) +
                                     " bytes; give at most " + std::to_string(kMaxQueryBytes));
  }
  TextQuery query;
  for (;;) {
    while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
    if (text.empty()) return query;
    Clause clause = TakeClause(&text);
    if (clause.text.empty()) continue;
    if (query.clauses.size() == kMaxClauses) {
      return Status::ResourceExhausted("text query: more than " + std::to_string(kMaxClauses) +
                                       " words and phrases; give fewer");
    }
    query.clauses.push_back(std::move(clause));
  }
}

}  // namespace espy::text
