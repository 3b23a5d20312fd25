#include "engine/where/where.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "engine/where/fields.h"
#include "engine/where/literal.h"

namespace espy::where {
namespace {

constexpr std::size_t kMaxBytes = 64 << 10;
constexpr int kMaxDepth = 200;
constexpr std::string_view kUserPrefix = "field.";

using Node = std::unique_ptr<const Filter>;

Node MakeTest(Test test) {
  auto node = std::make_unique<Filter>();
  node->test = std::move(test);
  return node;
}

Node MakeNode(Filter::Kind kind, std::vector<Node> parts) {
  auto node = std::make_unique<Filter>();
  node->kind = kind;
  node->parts = std::move(parts);
  return node;
}

// An interval against which a boolean, as 0 or 1, is compared.
Interval BooleanInterval(Op op, bool value) {
  const double x = value ? 1 : 0;
  return IntervalOf(op, x, x);
}

struct Token {
  enum class Kind { kWord, kString, kOp, kOpen, kClose, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;
  std::size_t at = 0;  // byte offset, for messages
  Op op = Op::kEqual;
};

class Parser {
 public:
  Parser(std::string_view text, const UserFields* user_fields)
      : text_(text), user_fields_(user_fields) {}

  Result<Node> Parse() {
    ESPY_RETURN_IF_ERROR(Next());
    ESPY_ASSIGN_OR_RETURN(Node filter, ParseOr(0));
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

  Result<Node> ParseOr(int depth) {
    return ParseChain(Filter::Kind::kOr, "or", depth, [this](int d) {
      return ParseChain(Filter::Kind::kAnd, "and", d, [this](int e) { return ParseUnary(e); });
    });
  }

  template <class Below>
  Result<Node> ParseChain(Filter::Kind kind, std::string_view word, int depth, Below below) {
    std::vector<Node> parts;
    for (;;) {
      ESPY_ASSIGN_OR_RETURN(Node part, below(depth));
      parts.push_back(std::move(part));
      if (!IsWord(word)) break;
      ESPY_RETURN_IF_ERROR(Next());
    }
    if (parts.size() == 1) return std::move(parts.front());
    return MakeNode(kind, std::move(parts));
  }

  Result<Node> ParseUnary(int depth) {
    if (depth > kMaxDepth)
      return Status::InvalidArgument("--where: nested too deeply; simplify it");
    if (IsWord("not")) {
      ESPY_RETURN_IF_ERROR(Next());
      ESPY_ASSIGN_OR_RETURN(Node part, ParseUnary(depth + 1));
      std::vector<Node> parts;
      parts.push_back(std::move(part));
      return MakeNode(Filter::Kind::kNot, std::move(parts));
    }
    if (token_.kind == Token::Kind::kOpen) {
      ESPY_RETURN_IF_ERROR(Next());
      ESPY_ASSIGN_OR_RETURN(Node inside, ParseOr(depth + 1));
      if (token_.kind != Token::Kind::kClose) return Wrong("expected `)`");
      ESPY_RETURN_IF_ERROR(Next());
      return inside;
    }
    return ParseTest();
  }

  Result<Node> ParseTest() {
    if (token_.kind != Token::Kind::kWord) return Wrong("expected a field");
    const Token name = token_;
    ESPY_RETURN_IF_ERROR(Next());
    // "has" is a field's own name when an operator follows it.
    const bool has =
        IsSame(name.text, "has") && token_.kind == Token::Kind::kWord && !IsWord("contains");
    if (has) {
      const Token wanted = token_;
      ESPY_RETURN_IF_ERROR(Next());
      Test test;
      test.op = Op::kHas;
      if (wanted.text != "place") ESPY_RETURN_IF_ERROR(SetField(wanted.text, &test));
      return MakeTest(std::move(test));
    }
    if (name.text == "place" && (IsWord("near") || IsWord("within"))) return ParsePlace();
    Test test;
    ESPY_RETURN_IF_ERROR(SetField(name.text, &test));
    if (IsWord("contains")) {
      test.op = Op::kContains;
    } else if (token_.kind == Token::Kind::kOp) {
      test.op = token_.op;
    } else {
      return Wrong("expected one of = != < <= > >= ~ !~ contains after `" + name.text + "`");
    }
    ESPY_RETURN_IF_ERROR(Next());
    ESPY_ASSIGN_OR_RETURN(test.text, TakeValue(name.text));
    ESPY_RETURN_IF_ERROR(SetValue(name.text, &test));
    return MakeTest(std::move(test));
  }

  Result<std::string> TakeValue(const std::string& what) {
    if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kString) {
      return Wrong("expected a value for `" + what + "`");
    }
    std::string value = token_.text;
    ESPY_RETURN_IF_ERROR(Next());
    return value;
  }

  Status SetField(const std::string& name, Test* test) const {
    const bool prefixed = name.starts_with(kUserPrefix);
    if (!prefixed) test->field = FindField(name);
    if (test->field != nullptr) return Status::Ok();
    if (name == "place") {
      return Status::InvalidArgument(
          "--where: `place` is compared by `place near LAT,LON KM`, `place within "
          "SOUTH,WEST,NORTH,EAST` or `has place`");
    }
    const std::string own = prefixed ? name.substr(kUserPrefix.size()) : name;
    const bool known =
        user_fields_ == nullptr ? prefixed && !own.empty() : user_fields_->contains(own);
    if (known) {
      test->user_field = own;
      return Status::Ok();
    }
    std::string names;
    if (user_fields_ != nullptr) {
      for (const auto& [user_field, type] : *user_fields_) {
        names += (names.empty() ? "; your own are " : ", ") + user_field;
      }
    }
    return Status::InvalidArgument("--where: there is no field `" + name + "`; the fields are " +
                                   FieldNames() + names);
  }

  // Reads the value as the field's type wants it.
  Status SetValue(const std::string& name, Test* test) const {
    const std::string& value = test->text;
    const bool textual =
        test->op == Op::kLike || test->op == Op::kNotLike || test->op == Op::kContains;
    const auto number = ParseNumber(value);
    const auto range = ParseDate(value);
    if (number) test->number = IntervalOf(test->op, *number, *number);
    if (range) test->date = IntervalOf(test->op, range->begin, range->end);
    if (!range && number) test->date = test->number;
    if (const auto boolean = ParseBoolean(value)) {
      test->boolean = BooleanInterval(test->op, *boolean);
    }
    if (test->field != nullptr) {
      if (test->field->type == FieldType::kText) return Status::Ok();
      const bool time = test->field->type == FieldType::kTime;
      if (textual) return NotText(name, time ? "time" : "number");
      if (time) test->number = test->date;
      if (test->number) return Status::Ok();
      return time ? NotA(name, "time", value, kTimeExamples)
                  : NotA(name, "number", value, "one, as in width > 1000");
    }
    const auto known = user_fields_ == nullptr ? std::nullopt : TypeOfUserField(test->user_field);
    if (!known) return Status::Ok();
    if (*known != UserFieldType::kText && textual) {
      return NotText(name, std::string(UserFieldTypeName(*known)));
    }
    switch (*known) {
      case UserFieldType::kBoolean:
        return test->boolean ? Status::Ok() : NotA(name, "boolean", value, "true or false");
      case UserFieldType::kInteger:
      case UserFieldType::kReal:
        return test->number ? Status::Ok()
                            : NotA(name, "number", value, "one, as in " + name + " > 10");
      case UserFieldType::kDate:
        return test->date ? Status::Ok() : NotA(name, "date", value, kTimeExamples);
      case UserFieldType::kText:
        break;
    }
    return Status::Ok();
  }

  std::optional<UserFieldType> TypeOfUserField(const std::string& name) const {
    const auto found = user_fields_->find(name);
    return found == user_fields_->end() ? std::nullopt : found->second;
  }

  static Status NotText(const std::string& name, const std::string& type) {
    const std::string article = type == "integer" ? "an " : "a ";
    return Status::InvalidArgument(
        "--where: `" + name + "` is " + article + type +
        ", which ~ cannot match and which contains no text; use = < or >");
  }
  static Status NotA(const std::string& name, const std::string& type, const std::string& value,
                     const std::string& give) {
    return Status::InvalidArgument("--where: `" + name + "` is a " + type + ", not `" + value +
                                   "`; give " + give);
  }

  // `place near 52.52,13.40 10` and `place within 52.3,13.0,52.7,13.8`; the word is the token now.
  Result<Node> ParsePlace() {
    Test test;
    const bool near = IsWord("near");
    test.op = near ? Op::kNear : Op::kWithin;
    ESPY_RETURN_IF_ERROR(Next());
    const std::size_t wanted = near ? 2 : 4;
    ESPY_ASSIGN_OR_RETURN(const std::string numbers, TakeValue("place"));
    const std::vector<double> degrees = ParseDegrees(numbers);
    const auto latitude = [](double x) { return x >= -90 && x <= 90; };
    const auto longitude = [](double x) { return x >= -180 && x <= 180; };
    bool good = degrees.size() == wanted;
    for (std::size_t i = 0; good && i < wanted; ++i) {
      good = i % 2 == 0 ? latitude(degrees[i]) : longitude(degrees[i]);
    }
    if (!good || (!near && degrees[0] > degrees[2])) {
      return Status::InvalidArgument(
          "--where: `" + numbers + "` is no " +
          (near ? "point; give LATITUDE,LONGITUDE in degrees and a distance: place near "
                  "52.52,13.40 10"
                : "box; give SOUTH,WEST,NORTH,EAST in degrees: place within 52.3,13.0,52.7,13.8"));
    }
    if (!near) {
      test.box = {degrees[0], degrees[1], degrees[2], degrees[3]};
      return MakeTest(std::move(test));
    }
    ESPY_ASSIGN_OR_RETURN(std::string distance, TakeValue("place near"));
    if (distance.ends_with("km")) distance.resize(distance.size() - 2);
    const auto km = ParseNumber(distance);
    if (!km || *km < 0) {
      return Status::InvalidArgument(
          "--where: `" + distance + "` is no distance; give kilometres: place near 52.52,13.40 10");
    }
    test.circle = {{degrees[0], degrees[1]}, *km};
    return MakeTest(std::move(test));
  }

  // Numbers with commas between; none when one of them is not a number.
  static std::vector<double> ParseDegrees(std::string_view text) {
    std::vector<double> degrees;
    while (degrees.size() < 5) {
      const std::size_t comma = text.find(',');
      const auto number = ParseNumber(text.substr(0, comma));
      if (!number) return {};
      degrees.push_back(*number);
      if (comma == std::string_view::npos) break;
      text.remove_prefix(comma + 1);
    }
    return degrees;
  }

  bool IsWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && IsSame(token_.text, word);
  }

  static bool IsSame(std::string_view text, std::string_view word) {
    if (text.size() != word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if ((text[i] | 0x20) != word[i]) return false;
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

  static constexpr char kTimeExamples[] =
      "2020, 2020-05, 2020-05-17, 2020-05-17T10:30 or seconds since 1970";

  std::string_view text_;
  const UserFields* user_fields_;
  std::size_t at_ = 0;
  Token token_;
};

}  // namespace

bool Filter::Matches(const Record& record) const {
  switch (kind) {
    case Kind::kAnd:
      for (const auto& part : parts) {
        if (!part->Matches(record)) return false;
      }
      return true;
    case Kind::kOr:
      for (const auto& part : parts) {
        if (part->Matches(record)) return true;
      }
      return false;
    case Kind::kNot:
      return !parts.front()->Matches(record);
    case Kind::kTest:
      break;
  }
  return test.Matches(record);
}

Result<std::unique_ptr<const Filter>> Parse(std::string_view text, const UserFields* user_fields) {
  if (text.size() > kMaxBytes) {
    return Status::ResourceExhausted("--where: longer than 64 KiB; shorten the expression");
  }
  return Parser(text, user_fields).Parse();
}

}  // namespace espy::where
