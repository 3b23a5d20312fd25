#include "encoders/tokenizers/gemma_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/tokenizers/token_matchers.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

class GemmaTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Make(TokenizerJson file,
                                                 const TokenizerSettings& settings,
                                                 const std::string& where);

  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override;
  std::int32_t pad_id() const override { return pad_; }
  bool pads_left() const override { return pads_left_; }
  std::int64_t vocabulary() const override { return vocabulary_; }

 private:
  std::string Normalize(std::string_view text) const;
  void AppendText(std::string_view text, std::vector<std::int32_t>* ids) const;

  // Constant after construction.
  BpeMerges merges_;
  std::unordered_map<char32_t, std::int32_t> letters_;  // tokens of one code point
  std::array<std::int32_t, 256> bytes_{};               // "<0x00>" to "<0xFF>"
  bool lowers_ = true;
  bool pads_left_ = false;
  std::int32_t pad_ = 0;
  std::int64_t vocabulary_ = 0;
  TokenMatchers matchers_;
  TokenTemplate template_;
};

// True when `rule` is {"type": type, "pattern": {"String": " "}, ...}.
bool IsSpaceRule(const JsonValue& rule, std::string_view type) {
  const JsonValue* name = rule.FindGiven("type");
  const JsonValue* pattern = rule.FindGiven("pattern");
  const JsonValue* space = pattern == nullptr ? nullptr : pattern->FindGiven("String");
  return name != nullptr && name->AsString() != nullptr && *name->AsString() == type &&
         space != nullptr && space->AsString() != nullptr && *space->AsString() == " ";
}

// The one normalization that this class does: ' ' -> U+2581, before or after lower-casing.
bool IsGemmaNormalizer(const JsonValue& normalizer) {
  bool marks = false;
  const auto known = [&](const JsonValue& step) {
    const JsonValue* type = step.FindGiven("type");
    if (type != nullptr && type->AsString() != nullptr && *type->AsString() == "Lowercase") {
      return true;
    }
    const JsonValue* content = step.FindGiven("content");
    marks = IsSpaceRule(step, "Replace") && content != nullptr && content->AsString() != nullptr &&
            *content->AsString() == kSpaceMark;
    return marks;
  };
  const JsonValue* steps = normalizer.FindGiven("normalizers");
  if (steps == nullptr || steps->AsArray() == nullptr) return known(normalizer) && marks;
  const JsonValue::Array& list = *steps->AsArray();
  return std::all_of(list.begin(), list.end(), known) && marks;
}

Result<std::unique_ptr<Tokenizer>> GemmaTokenizer::Make(TokenizerJson file,
                                                        const TokenizerSettings& settings,
                                                        const std::string& where) {
  const BpeModel& model = file.model;
  if (!model.byte_fallback || !model.end_of_word_suffix.empty() ||
      !IsGemmaNormalizer(file.normalizer) ||
      !(file.pre_tokenizer.is_null() || IsSpaceRule(file.pre_tokenizer, "Split"))) {
    return Status::Unsupported(where +
                               ": not Gemma's tokenizer (BPE with byte_fallback, ' ' replaced by "
                               "U+2581); this version reads no other tokenizer.json for a model of "
                               "type siglip");
  }
  AddedToken pad = settings.pad;
  AddedToken eos = settings.eos;
  if (pad.content.empty()) pad.content = "<pad>";
  if (eos.content.empty()) eos.content = "<eos>";
  AddedTokenSets added =
      CollectAddedTokens(settings.has_added_tokens ? settings.added_tokens : file.added_tokens,
                         {settings.bos, eos, settings.unk, pad}, model.vocabulary);

  auto tokenizer = std::make_unique<GemmaTokenizer>();
  tokenizer->pad_ = FindToken(added, model.vocabulary, pad.content);
  if (tokenizer->pad_ < 0) {
    return Status::InvalidArgument(where + ": the padding token \"" + Printable(pad.content) +
                                   "\" is not in the vocabulary; do the tokenizer's files come "
                                   "from one model?");
  }
  if (file.post_processor) {
    tokenizer->template_ = std::move(*file.post_processor);
  } else {
    const std::int32_t bos_id = FindToken(added, model.vocabulary, settings.bos.content);
    const std::int32_t eos_id = FindToken(added, model.vocabulary, eos.content);
    if (settings.add_bos.value_or(false) && bos_id >= 0) tokenizer->template_.prefix = {bos_id};
    if (settings.add_eos.value_or(true) && eos_id >= 0) tokenizer->template_.suffix = {eos_id};
  }
  tokenizer->vocabulary_ = std::max(model.vocabulary.bound(), added.bound);
  ESPY_RETURN_IF_ERROR(tokenizer->template_.Check(tokenizer->vocabulary_, where));
  // With a token for every byte nothing is unknown, so unk_token and fuse_unk have no say.
  for (int byte = 0; byte < 256; ++byte) {
    char name[16];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    const std::int32_t id = model.vocabulary.Find(name);
    if (id < 0) {
      return Status::InvalidArgument(where + ": model: vocab lacks " + name +
                                     ", which byte_fallback needs");
    }
    tokenizer->bytes_[static_cast<std::size_t>(byte)] = id;
  }
  tokenizer->letters_ = model.vocabulary.Letters();
  tokenizer->lowers_ = settings.lower_case.value_or(true);
  tokenizer->pads_left_ = settings.pads_left.value_or(true);
  tokenizer->matchers_ = TokenMatchers(
      std::move(added), [&](std::string_view text) { return tokenizer->Normalize(text); });
  tokenizer->merges_ = std::move(file.model.merges);
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

std::string GemmaTokenizer::Normalize(std::string_view text) const {
  const std::string lower = lowers_ ? LowerEach(text) : std::string(text);
  std::string marked;
  marked.reserve(lower.size());
  for (const char c : lower) {
    if (c == ' ') {
      marked += kSpaceMark;
    } else {
      marked += c;
    }
  }
  return marked;
}

void GemmaTokenizer::AppendText(std::string_view text, std::vector<std::int32_t>* ids) const {
  std::vector<std::int32_t> symbols;
  symbols.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const auto letter = letters_.find(NextCodePoint(text, &at));
    if (letter != letters_.end()) {
      symbols.push_back(letter->second);
      continue;
    }
    for (std::size_t i = start; i < at; ++i) {
      symbols.push_back(bytes_[static_cast<std::uint8_t>(text[i])]);
    }
  }
  merges_.Apply(&symbols);
  ids->insert(ids->end(), symbols.begin(), symbols.end());
}

std::vector<std::int32_t> GemmaTokenizer::Encode(std::string_view text,
                                                 std::int64_t context) const {
  return template_.Around(context, [&](std::size_t full, std::vector<std::int32_t>* ids) {
    matchers_.Encode(
        ValidUtf8(text), full, [&](std::string_view piece) { return Normalize(piece); },
        [&](std::string_view part, bool, std::vector<std::int32_t>* to) { AppendText(part, to); },
        ids);
  });
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeGemmaTokenizer(TokenizerJson file,
                                                      const TokenizerSettings& settings,
                                                      const std::string& where) {
  return GemmaTokenizer::Make(std::move(file), settings, where);
}

}  // namespace espy::encoders
