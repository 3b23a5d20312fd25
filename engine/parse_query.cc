// A query as people write it on a command line -> weighted terms.
#include <charconv>
#include <cmath>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "espy/query.h"
#include "imaging/decode.h"

namespace espy {
namespace {

// "2:snow" -> 2 and "snow". What stands before the colon must be a whole number or decimal; "a:b"
// is a phrase.
std::pair<float, std::string_view> SplitWeight(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return {1.0f, text};
  float weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + colon, weight);
  if (error != std::errc() || end != text.data() + colon) return {1.0f, text};
  return {weight, text.substr(colon + 1)};
}

// What is written like a path is one, there or not: whoever mistypes a picture's name is told so,
// and gets no answer to its letters.
bool NamesFile(const std::string& text) {
  if (text.starts_with("./") || text.starts_with("../") || text.starts_with("/")) return true;
  if (text.find(' ') == std::string::npos && imaging::HasPictureExtension(text)) return true;
  const auto facts = Env::Default()->Stat(text);
  return facts.ok() && facts->kind == FileFacts::Kind::kFile;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<Query> ParseQuery(const std::vector<std::string>& arguments) {
  Query query;
  float sign = 1;
  bool sign_pending = false;  // an operator waits for its term
  bool join = false;          // the last term is a phrase that a following word continues
  for (const std::string& argument : arguments) {
    std::string_view text = Trim(argument);
    if (text.empty()) {
      return Status::InvalidArgument("query: an empty argument; leave it out");
    }
    if (text == "+" || text == "-") {
      if (sign_pending) {
        return Status::InvalidArgument(
            "query: two operators in a row; put a phrase or a picture between them");
      }
      sign = text == "-" ? -1.0f : 1.0f;
      sign_pending = true;
      join = false;
      continue;
    }
    // "-night" is "- night". A word that follows an operator keeps its own dash.
    if (!sign_pending && (text.front() == '-' || text.front() == '+')) {
      sign = text.front() == '-' ? -1.0f : 1.0f;
      sign_pending = true;
      join = false;
      text = Trim(text.substr(1));
    }
    const auto [weight, rest] = SplitWeight(text);
    text = Trim(rest);
    if (text.empty() || !std::isfinite(weight)) {
      return Status::InvalidArgument("query: '" + argument +
                                     "' has a weight but nothing to look for; write 2:snow");
    }
    QueryTerm term;
    term.weight = sign * weight;
    term.text = text;
    const bool weighted = rest.size() != argument.size() && weight != 1.0f;
    if (text.starts_with("id:")) {
      ESPY_ASSIGN_OR_RETURN(term.item, ParseItemId(text.substr(3)));
      term.kind = QueryTerm::Kind::kItem;
    } else if (NamesFile(term.text)) {
      term.kind = QueryTerm::Kind::kPicture;
    } else if (join && !sign_pending && !weighted) {
      query.terms.back().text += " " + term.text;
      continue;
    }
    join = term.kind == QueryTerm::Kind::kText;
    sign = 1;
    sign_pending = false;
    query.terms.push_back(std::move(term));
  }
  if (sign_pending) {
    return Status::InvalidArgument("query: ends with an operator; add what to add or take away");
  }
  if (query.terms.empty()) {
    return Status::InvalidArgument("query: nothing to look for; give a phrase or a picture file");
  }
  return query;
}

}  // namespace espy
