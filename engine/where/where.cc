#include "engine/where/where.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "engine/where/fields.h"
#include "engine/where/glob.h"

namespace espy::where {
namespace {

constexpr std::size_t kMaxBytes = 64 << 10;
constexpr int kMaxDepth = 200;

enum class Op { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kLike, kNotLike };

bool Negative(Op op) { return op == Op::kNotEqual || op == Op::kNotLike; }

class And final : public Filter {
 public:
  explicit And(std::vector<std::unique_ptr<const Filter>> parts) : parts_(std::move(parts)) {}
  bool Matches(const Record& record) const override {
    for (const auto& part : parts_) {
      if (!part->Matches(record)) return false;
    }
    return true;
  }

 private:
  std::vector<std::unique_ptr<const Filter>> parts_;
};

class Or final : public Filter {
 public:
  explicit Or(std::vector<std::unique_ptr<const Filter>> parts) : parts_(std::move(parts)) {}
  bool Matches(const Record& record) const override {
    for (const auto& part : parts_) {
      if (part->Matches(record)) return true;
    }
    return false;
  }

 private:
  std::vector<std::unique_ptr<const Filter>> parts_;
};

class Not final : public Filter {
 public:
  explicit Not(std::unique_ptr<const Filter> part) : part_(std::move(part)) {}
  bool Matches(const Record& record) const override { return !part_->Matches(record); }

 private:
  std::unique_ptr<const Filter> part_;
};

// A number, or a time, against a range [begin, end): a plain number is its own range of one point.
class NumberTest final : public Filter {
 public:
  NumberTest(const Field* field, Op op, double begin, double end)
      : field_(field), op_(op), begin_(begin), end_(end) {}
  bool Matches(const Record& record) const override {
    const std::optional<double> value = field_->number(record);
    if (!value) return Negative(op_);
    const bool inside = begin_ == end_ ? *value == begin_ : *value >= begin_ && *value < end_;
    switch (op_) {
      case Op::kEqual:
        return inside;
      case Op::kNotEqual:
        return !inside;
      case Op::kLess:
        return *value < begin_;
      case Op::kLessEqual:
        return *value < begin_ || inside;
      case Op::kGreater:
        return !inside && *value > begin_;
      case Op::kGreaterEqual:
        return *value >= begin_;
      default:
        return false;
    }
  }

 private:
  const Field* field_;
  Op op_;
  double begin_, end_;
};

class TextTest final : public Filter {
 public:
  TextTest(const Field* field, Op op, std::string value)
      : field_(field), op_(op), value_(std::move(value)) {}
  bool Matches(const Record& record) const override {
    bool any = false;
    for (const std::string& text : field_->text(record)) any |= Test(text);
    return Negative(op_) ? !any : any;
  }

 private:
  bool Test(const std::string& text) const {  // of the positive form
    switch (op_) {
      case Op::kEqual:
      case Op::kNotEqual:
        return text == value_;
      case Op::kLess:
        return text < value_;
      case Op::kLessEqual:
        return text <= value_;
      case Op::kGreater:
        return text > value_;
      case Op::kGreaterEqual:
        return text >= value_;
      case Op::kLike:
      case Op::kNotLike:
        return GlobMatches(value_, text, /*ignore_case=*/true);
    }
    return false;
  }
  const Field* field_;
  Op op_;
  std::string value_;
};

struct Token {
  enum class Kind { kWord, kString, kOp, kOpen, kClose, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;
  std::size_t at = 0;  // byte offset, for messages
  Op op = Op::kEqual;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::unique_ptr<const Filter>> Parse() {
    ESPY_RETURN_IF_ERROR(Next());
    ESPY_ASSIGN_OR_RETURN(auto filter, ParseOr(0));
    if (token_.kind != Token::Kind::kEnd) return Wrong("expected `and`, `or` or the end");
    return filter;
  }

 private:
  Status Wrong(const std::string& why) const {
    const std::string found =
        token_.kind == Token::Kind::kEnd ? "the end" : "`" + token_.text + "`";
    return Status::InvalidArgument("--where: " + why + " but found " + found + " at character " +
                                   std::to_string(token_.at + 1) +
                                   "; an example: year >= 2020 and tag = \"beach\"");
  }

  Result<std::unique_ptr<const Filter>> ParseOr(int depth) {
    return ParseChain<Or>("or", depth, [this](int d) {
      return ParseChain<And>("and", d, [this](int e) { return ParseUnary(e); });
    });
  }

  template <class Node, class Next>
  Result<std::unique_ptr<const Filter>> ParseChain(std::string_view word, int depth, Next next) {
    std::vector<std::unique_ptr<const Filter>> parts;
    for (;;) {
      ESPY_ASSIGN_OR_RETURN(auto part, next(depth));
      parts.push_back(std::move(part));
      if (!IsWord(word)) break;
      ESPY_RETURN_IF_ERROR(this->Next());
    }
    if (parts.size() == 1) return std::move(parts.front());
    return std::unique_ptr<const Filter>(std::make_unique<Node>(std::move(parts)));
  }

  Result<std::unique_ptr<const Filter>> ParseUnary(int depth) {
    if (depth > kMaxDepth)
      return Status::InvalidArgument("--where: nested too deeply; simplify it");
    if (IsWord("not")) {
      ESPY_RETURN_IF_ERROR(Next());
      ESPY_ASSIGN_OR_RETURN(auto part, ParseUnary(depth + 1));
      return std::unique_ptr<const Filter>(std::make_unique<Not>(std::move(part)));
    }
    if (token_.kind == Token::Kind::kOpen) {
      ESPY_RETURN_IF_ERROR(Next());
      ESPY_ASSIGN_OR_RETURN(auto inside, ParseOr(depth + 1));
      if (token_.kind != Token::Kind::kClose) return Wrong("expected `)`");
      ESPY_RETURN_IF_ERROR(Next());
      return inside;
    }
    return ParseTest();
  }

  Result<std::unique_ptr<const Filter>> ParseTest() {
    if (token_.kind != Token::Kind::kWord) return Wrong("expected a field");
    const Field* field = FindField(token_.text);
    if (field == nullptr) {
      return Status::InvalidArgument("--where: there is no field `" + token_.text +
                                     "`; the fields are " + FieldNames());
    }
    ESPY_RETURN_IF_ERROR(Next());
    if (token_.kind != Token::Kind::kOp) {
      return Wrong("expected one of = != < <= > >= ~ !~ after `" + std::string(field->name) + "`");
    }
    const Op op = token_.op;
    ESPY_RETURN_IF_ERROR(Next());
    if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kString) {
      return Wrong("expected a value for `" + std::string(field->name) + "`");
    }
    const std::string value = token_.text;
    ESPY_RETURN_IF_ERROR(Next());
    if (field->type == FieldType::kText) {
      return std::unique_ptr<const Filter>(std::make_unique<TextTest>(field, op, value));
    }
    if (op == Op::kLike || op == Op::kNotLike) {
      return Status::InvalidArgument("--where: `" + std::string(field->name) +
                                     "` is a number, which ~ cannot match; use = < or >");
    }
    return ParseNumberTest(field, op, value);
  }

  static Result<std::unique_ptr<const Filter>> ParseNumberTest(const Field* field, Op op,
                                                               const std::string& value) {
    if (field->type == FieldType::kTime) {
      if (const auto range = ParseDate(value)) {
        return std::unique_ptr<const Filter>(
            std::make_unique<NumberTest>(field, op, range->begin, range->end));
      }
    }
    double number = 0;
    const char* end = value.data() + value.size();
    auto [rest, error] = std::from_chars(value.data(), end, number);
    double unit = 1;
    if (error == std::errc() && rest + 1 == end) {
      switch (*rest) {
        case 'k':
        case 'K':
          unit = 1e3;
          ++rest;
          break;
        case 'M':
          unit = 1e6;
          ++rest;
          break;
        case 'G':
          unit = 1e9;
          ++rest;
          break;
        default:
          break;
      }
    }
    if (error != std::errc() || rest != end) {
      const bool time = field->type == FieldType::kTime;
      return Status::InvalidArgument(
          "--where: `" + std::string(field->name) + (time ? "` is a time" : "` is a number") +
          ", not `" + value + "`; give " +
          (time ? "2020, 2020-05, 2020-05-17 or seconds since 1970" : "one, as in width > 1000"));
    }
    return std::unique_ptr<const Filter>(
        std::make_unique<NumberTest>(field, op, number * unit, number * unit));
  }

  bool IsWord(std::string_view word) const {
    if (token_.kind != Token::Kind::kWord || token_.text.size() != word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if ((token_.text[i] | 0x20) != word[i]) return false;
    }
    return true;
  }

  Status Next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
      ++at_;
    }
    token_ = Token{};
    token_.at = at_;
    if (at_ == text_.size()) return Status::Ok();
    const char c = text_[at_];
    if (c == '(' || c == ')') {
      token_.kind = c == '(' ? Token::Kind::kOpen : Token::Kind::kClose;
      token_.text = c;
      ++at_;
      return Status::Ok();
    }
    if (c == '"' || c == '\'') return NextString(c);
    static constexpr std::pair<std::string_view, Op> kOps[] = {
        {"!=", Op::kNotEqual},     {"!~", Op::kNotLike}, {"<=", Op::kLessEqual},
        {">=", Op::kGreaterEqual}, {"==", Op::kEqual},   {"=", Op::kEqual},
        {"<", Op::kLess},          {">", Op::kGreater},  {"~", Op::kLike}};
    for (const auto& [sign, op] : kOps) {
      if (text_.substr(at_, sign.size()) != sign) continue;
      token_.kind = Token::Kind::kOp;
      token_.op = op;
      token_.text = sign;
      at_ += sign.size();
      return Status::Ok();
    }
    const std::size_t begin = at_;
    static constexpr std::string_view kStops = " \t\n()\"'!=<>~";
    while (at_ < text_.size() && kStops.find(text_[at_]) == std::string_view::npos) ++at_;
    token_.text = text_.substr(begin, at_ - begin);
    if (at_ == begin) {
      token_.text = text_[at_];
      return Wrong("expected a field, a value or an operator");
    }
    token_.kind = Token::Kind::kWord;
    return Status::Ok();
  }

  Status NextString(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size() &&
          (text_[at_ + 1] == quote || text_[at_ + 1] == '\\')) {
        ++at_;
      }
      token_.text.push_back(text_[at_]);
    }
    if (at_ == text_.size()) {
      return Status::InvalidArgument("--where: the string that begins at character " +
                                     std::to_string(token_.at + 1) + " has no closing " + quote);
    }
    ++at_;
    token_.kind = Token::Kind::kString;
    return Status::Ok();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
};

}  // namespace

Result<std::unique_ptr<const Filter>> Parse(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return Status::ResourceExhausted("--where: longer than 64 KiB; shorten the expression");
  }
  return Parser(text).Parse();
}

}  // namespace espy::where
