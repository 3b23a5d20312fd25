#include "encoders/tokenizers/text_pattern.h"

#include <algorithm>

#include "encoders/json.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMostBytes = 4096;  // of an expression
constexpr std::size_t kMostRepeats = 1000;

}  // namespace

class TextPattern::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool Parse(std::vector<Alternative>* out) {
    do {
      out->emplace_back();
      if (!ParseAlternative(&out->back())) return false;
    } while (Take("|"));
    return at_ == text_.size();
  }

 private:
  bool Take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  // A character that stands for itself, escaped if need be; or \s, which sets *space.
  bool TakeCharacter(std::string_view special, char32_t* c, bool* space) {
    if (at_ == text_.size()) return false;
    if (!Take("\\")) {
      if (special.find(text_[at_]) != special.npos) return false;
      *c = NextCodePoint(text_, &at_);
      return true;
    }
    if (at_ == text_.size()) return false;
    *c = NextCodePoint(text_, &at_);
    switch (*c) {
      case 's':
        *space = true;
        return true;
      case 'n':
        *c = '\n';
        return true;
      case 'r':
        *c = '\r';
        return true;
      case 't':
        *c = '\t';
        return true;
      default:  // other letters and digits are classes, anchors and references
        return *c < 0x80 && !(*c >= '0' && *c <= '9') && !((*c | 32) >= 'a' && (*c | 32) <= 'z');
    }
  }

  bool ParseSet(Alternative* out) {
    out->negated = Take("^");
    do {
      char32_t first = 0, last = 0;
      bool space = false, range_space = false;
      if (text_.substr(at_).starts_with("&&") || !TakeCharacter("[]", &first, &space)) return false;
      if (space) {
        out->space = true;
        continue;
      }
      last = first;
      const std::string_view rest = text_.substr(at_);
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        ++at_;
        if (!TakeCharacter("[]", &last, &range_space) || range_space || last < first) return false;
      }
      out->ranges.push_back({first, last});
    } while (!Take("]"));
    return true;
  }

  bool ParseQuantifier(Alternative* out) {
    if (Take("+")) {
      out->more = true;
    } else if (Take("{")) {
      std::size_t digits = 0;
      for (out->least = 0; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++digits) {
        out->least = out->least * 10 + static_cast<std::size_t>(text_[at_++] - '0');
        if (out->least > kMostRepeats) return false;
      }
      out->more = Take(",");
      if (digits == 0 || out->least == 0 || !Take("}")) return false;
    }
    // Neither lazy nor possessive.
    return at_ == text_.size() || (text_[at_] != '?' && text_[at_] != '+' && text_[at_] != '*');
  }

  bool ParseAlternative(Alternative* out) {
    out->at_start = Take("\\A");
    if (Take("[")) {
      if (!ParseSet(out)) return false;
    } else {
      char32_t c = 0;
      if (!TakeCharacter(".[]{}()*+?|^$", &c, &out->space)) return false;
      if (!out->space) out->ranges.push_back({c, c});
    }
    if (!ParseQuantifier(out)) return false;
    out->at_end = Take("\\z");
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

Result<TextPattern> TextPattern::Parse(std::string_view expression, const std::string& where) {
  TextPattern pattern;
  if (expression.size() > kMostBytes || !Parser(expression).Parse(&pattern.alternatives_)) {
    return Status::Unsupported(where + ": the expression \"" + Printable(expression) +
                               "\" is not one that this version replaces by");
  }
  return pattern;
}

TextPattern TextPattern::Literal(std::string_view text) {
  TextPattern pattern;
  pattern.literal_ = text;
  return pattern;
}

bool TextPattern::IsIn(const Alternative& set, char32_t c) {
  const bool listed = (set.space && IsSpace(c)) ||
                      std::any_of(set.ranges.begin(), set.ranges.end(), [c](const Range& range) {
                        return c >= range.first && c <= range.last;
                      });
  return listed != set.negated;
}

// Where the run of the set's characters begins that the text ends with, or as many of them as one
// match takes; the text's size when that is too short. So no run is gone through again from each of
// its characters to find that it does not reach the end.
std::size_t TextPattern::TailOf(const Alternative& alternative, std::string_view text) {
  std::size_t start = text.size(), count = 0;
  while (start > 0 && (alternative.more || count < alternative.least)) {
    std::size_t before = 0;
    if (!IsIn(alternative, PreviousCodePoint(text, start, &before))) break;
    start = before;
    ++count;
  }
  return count < alternative.least ? text.size() : start;
}

std::size_t TextPattern::MatchAt(std::string_view text, std::size_t at,
                                 const std::vector<std::size_t>& tails) const {
  if (!literal_.empty()) return text.substr(at).starts_with(literal_) ? literal_.size() : 0;
  for (std::size_t i = 0; i < alternatives_.size(); ++i) {
    const Alternative& alternative = alternatives_[i];
    if ((alternative.at_start && at > 0) || (alternative.at_end && at != tails[i])) continue;
    std::size_t end = at, count = 0;
    while (end < text.size() && (alternative.more || count < alternative.least)) {
      std::size_t next = end;
      if (!IsIn(alternative, NextCodePoint(text, &next))) break;
      end = next;
      ++count;
    }
    if (count >= alternative.least && (!alternative.at_end || end == text.size())) return end - at;
  }
  return 0;
}

std::string TextPattern::Replace(std::string_view text, std::string_view content) const {
  std::vector<std::size_t> tails;
  for (const Alternative& alternative : alternatives_) {
    tails.push_back(alternative.at_end ? TailOf(alternative, text) : 0);
  }
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t length = MatchAt(text, at, tails); length > 0) {
      out += content;
      at += length;
      continue;
    }
    const std::size_t start = at;
    NextCodePoint(text, &at);
    out += text.substr(start, at - start);
  }
  return out;
}

}  // namespace espy::encoders
