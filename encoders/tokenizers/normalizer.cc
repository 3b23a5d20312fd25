#include "encoders/tokenizers/normalizer.h"

#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/chars_map.h"
#include "encoders/tokenizers/text_pattern.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMostSteps = 64;
constexpr std::size_t kMostContent = 64;  // bytes put in the place of a match

Result<TextPattern> ReadPattern(const JsonValue& rule, const std::string& where) {
  const JsonValue* pattern = rule.FindGiven("pattern");
  const JsonValue* text = pattern == nullptr ? nullptr : pattern->FindGiven("String");
  if (text != nullptr && text->AsString() != nullptr && !text->AsString()->empty()) {
    return TextPattern::Literal(*text->AsString());
  }
  const JsonValue* expression = pattern == nullptr ? nullptr : pattern->FindGiven("Regex");
  if (expression != nullptr && expression->AsString() != nullptr) {
    return TextPattern::Parse(*expression->AsString(), where);
  }
  return Status::InvalidArgument(where + ": pattern is neither a String nor a Regex");
}

// Cut at the start of a character.
void Shorten(std::string* text) {
  std::size_t most = 4 * kMaxTextBytes;
  if (text->size() <= most) return;
  while ((static_cast<unsigned char>((*text)[most]) & 0xc0) == 0x80) --most;
  text->resize(most);
}

}  // namespace

Status Normalizer::Add(const JsonValue& value, const std::string& where, std::vector<Step>* steps) {
  JsonFields fields(&value, where);
  const std::string type = fields.Text("type", "");
  ESPY_RETURN_IF_ERROR(fields.status());
  if (steps->size() >= kMostSteps) {
    return Status::ResourceExhausted(where + " has more than " + std::to_string(kMostSteps) +
                                     " steps");
  }
  if (type == "Sequence") {
    const JsonValue* list = value.FindGiven("normalizers");
    if (list == nullptr || list->AsArray() == nullptr) {
      return Status::InvalidArgument(where + ": normalizers is not a list");
    }
    for (const JsonValue& step : *list->AsArray()) ESPY_RETURN_IF_ERROR(Add(step, where, steps));
    return Status::Ok();
  }
  if (type == "Lowercase") {
    steps->push_back(LowerEach);
  } else if (type == "NFC") {
    steps->push_back(Nfc);
  } else if (type == "NFKC") {
    steps->push_back(Nfkc);
  } else if (type == "Strip") {
    const bool left = fields.Flag("strip_left", true), right = fields.Flag("strip_right", true);
    steps->push_back([left, right](std::string_view text) {
      return std::string(Strip(text, IsSpace, left, right));
    });
  } else if (type == "Prepend") {
    const std::string prefix = fields.Text("prepend", "");
    if (prefix.size() > kMostContent) fields.Refuse("prepend", "is too long");
    steps->push_back([prefix](std::string_view text) {
      return text.empty() ? std::string() : prefix + std::string(text);
    });
  } else if (type == "Replace") {
    ESPY_ASSIGN_OR_RETURN(TextPattern pattern, ReadPattern(value, where));
    const std::string content = fields.Text("content", "");
    if (content.size() > kMostContent) fields.Refuse("content", "is too long");
    steps->push_back([pattern = std::move(pattern), content](std::string_view text) {
      return pattern.Replace(text, content);
    });
  } else if (type == "Precompiled") {
    const std::string base64 = fields.Text("precompiled_charsmap", "");
    ESPY_ASSIGN_OR_RETURN(CharsMap parsed,
                          CharsMap::Parse(base64, where + ": precompiled_charsmap"));
    const auto map = std::make_shared<const CharsMap>(std::move(parsed));
    steps->push_back([map](std::string_view text) { return map->Apply(text); });
  } else {
    return Status::Unsupported(where + ": type \"" + Printable(type) + "\" is not supported");
  }
  return fields.status();
}

Result<Normalizer> Normalizer::Parse(const JsonValue& value, const std::string& where) {
  Normalizer normalizer;
  if (!value.is_null()) ESPY_RETURN_IF_ERROR(Add(value, where, &normalizer.steps_));
  return normalizer;
}

std::string Normalizer::Apply(std::string_view text) const {
  std::string now(text);
  for (const Step& step : steps_) {
    now = step(now);
    Shorten(&now);
  }
  return now;
}

}  // namespace espy::encoders
