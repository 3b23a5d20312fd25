// Our analysis as a tokenizer of FTS5's, called "espy".
#ifndef ESPY_TEXT_TOKENIZER_H_
#define ESPY_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "espy/status.h"
#include "text/connection.h"

namespace espy::text {

// How many documents more or fewer hold each token, gathered while FTS5 takes documents in and out.
// With sign 0 nothing is gathered.
struct TermChanges {
  int sign = 0;
  std::unordered_map<std::string, std::int64_t> documents;
  std::unordered_set<std::string> seen;  // in this document

  void BeginDocument(int document_sign) {
    sign = document_sign;
    seen.clear();
  }
  void Count(std::string token) {
    if (sign == 0) return;
    const auto [place, fresh] = seen.insert(std::move(token));
    if (fresh) documents[*place] += sign;
  }
};

// Documents are analysed in the language that the table names (tokenize='espy english'). The
// strings of a MATCH expression are tokens already, with a space between: the plan has chosen them.
// `changes` may be null, and must outlive the connection.
Status RegisterTokenizer(Connection* connection, TermChanges* changes);

}  // namespace espy::text

#endif  // ESPY_TEXT_TOKENIZER_H_
