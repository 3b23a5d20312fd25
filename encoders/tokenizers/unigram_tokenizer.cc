#include "encoders/tokenizers/unigram_tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/normalizer.h"
#include "encoders/tokenizers/token_matchers.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMostMark = 16;  // bytes of the mark that stands for a space

// What cuts a normalized text into the stretches that the model sees one by one.
class WordCutter {
 public:
  static Result<WordCutter> Parse(const JsonValue& value, const std::string& where);

  // `at_start`: the stretch is the beginning of the text.
  void Cut(std::string_view text, bool at_start, std::vector<std::string>* words) const;

 private:
  enum class Prefix { kAlways, kFirst, kNever };
  Status Add(const JsonValue& value, const std::string& where, int depth);
  void CutAtMarks(const std::string& marked, std::vector<std::string>* words) const;

  bool at_spaces_ = false;  // WhitespaceSplit
  bool marks_ = false;      // Metaspace
  bool cuts_ = true;        // Metaspace's split
  Prefix prefix_ = Prefix::kAlways;
  std::string mark_;
};

Status WordCutter::Add(const JsonValue& value, const std::string& where, int depth) {
  JsonFields fields(&value, where);
  const std::string type = fields.Text("type", "");
  ESPY_RETURN_IF_ERROR(fields.status());
  if (type == "Sequence" && depth == 0) {
    const JsonValue* list = value.FindGiven("pretokenizers");
    if (list == nullptr || list->AsArray() == nullptr) {
      return Status::InvalidArgument(where + ": pretokenizers is not a list");
    }
    for (const JsonValue& part : *list->AsArray()) {
      ESPY_RETURN_IF_ERROR(Add(part, where, depth + 1));
    }
    return Status::Ok();
  }
  if (type == "WhitespaceSplit" && !marks_) {
    at_spaces_ = true;
    return Status::Ok();
  }
  if (type != "Metaspace" || marks_) {
    return Status::Unsupported(where + ": type \"" + Printable(type) + "\" is not supported there");
  }
  marks_ = true;
  mark_ = fields.Text("replacement", "\xE2\x96\x81");
  cuts_ = fields.Flag("split", true);
  // Older files say it with a flag.
  const std::string scheme =
      fields.Text("prepend_scheme", fields.Flag("add_prefix_space", true) ? "always" : "never");
  if (scheme == "first" && at_spaces_) {
    fields.Refuse("prepend_scheme", "is first after WhitespaceSplit", StatusCode::kUnsupported);
  } else if (scheme != "always" && scheme != "first" && scheme != "never") {
    fields.Refuse("prepend_scheme", "is none of always, first and never");
  }
  if (mark_.empty() || mark_.size() > kMostMark) fields.Refuse("replacement", "is not a character");
  prefix_ = scheme == "always"  ? Prefix::kAlways
            : scheme == "first" ? Prefix::kFirst
                                : Prefix::kNever;
  return fields.status();
}

Result<WordCutter> WordCutter::Parse(const JsonValue& value, const std::string& where) {
  WordCutter cutter;
  if (!value.is_null()) ESPY_RETURN_IF_ERROR(cutter.Add(value, where, 0));
  return cutter;
}

// Each mark begins a word.
void WordCutter::CutAtMarks(const std::string& marked, std::vector<std::string>* words) const {
  std::size_t start = 0;
  for (std::size_t at = marked.find(mark_); at != std::string::npos;
       at = marked.find(mark_, at + mark_.size())) {
    if (at > start) words->push_back(marked.substr(start, at - start));
    start = at;
  }
  if (start < marked.size()) words->push_back(marked.substr(start));
}

void WordCutter::Cut(std::string_view text, bool at_start, std::vector<std::string>* words) const {
  std::vector<std::string_view> stretches;
  if (at_spaces_) {
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t before = at;
      if (!IsSpace(NextCodePoint(text, &at))) continue;
      if (before > start) stretches.push_back(text.substr(start, before - start));
      start = at;
    }
    if (start < text.size()) stretches.push_back(text.substr(start));
  } else if (!text.empty()) {
    stretches.push_back(text);
  }
  for (const std::string_view stretch : stretches) {
    if (!marks_) {
      words->emplace_back(stretch);
      continue;
    }
    std::string marked;
    for (const char c : stretch) {
      if (c == ' ') {
        marked += mark_;
      } else {
        marked += c;
      }
    }
    const bool prefixed = prefix_ == Prefix::kAlways || (prefix_ == Prefix::kFirst && at_start);
    if (prefixed && !marked.starts_with(mark_)) marked.insert(0, mark_);
    if (cuts_) {
      CutAtMarks(marked, words);
    } else {
      words->push_back(std::move(marked));
    }
  }
}

class UnigramTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Make(TokenizerJson file,
                                                 const TokenizerSettings& settings,
                                                 const std::string& where);

  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override;
  std::int32_t pad_id() const override { return pad_; }
  bool pads_left() const override { return pads_left_; }
  std::int64_t vocabulary() const override { return vocabulary_; }

 private:
  // Constant after construction.
  UnigramModel model_;
  Normalizer normalizer_;
  WordCutter cutter_;
  TokenMatchers matchers_;
  TokenTemplate template_;
  bool pads_left_ = false;
  std::int32_t pad_ = 0;
  std::int64_t vocabulary_ = 0;
};

Result<std::unique_ptr<Tokenizer>> UnigramTokenizer::Make(TokenizerJson file,
                                                          const TokenizerSettings& settings,
                                                          const std::string& where) {
  auto tokenizer = std::make_unique<UnigramTokenizer>();
  ESPY_ASSIGN_OR_RETURN(tokenizer->normalizer_,
                        Normalizer::Parse(file.normalizer, where + ": normalizer"));
  ESPY_ASSIGN_OR_RETURN(tokenizer->cutter_,
                        WordCutter::Parse(file.pre_tokenizer, where + ": pre_tokenizer"));
  const Vocabulary vocabulary(file.unigram.pieces());
  AddedToken pad = settings.pad;
  AddedToken eos = settings.eos;
  if (pad.content.empty()) pad.content = "</s>";
  if (eos.content.empty()) eos.content = "</s>";
  AddedTokenSets added =
      CollectAddedTokens(settings.has_added_tokens ? settings.added_tokens : file.added_tokens,
                         {settings.bos, eos, settings.unk, pad}, vocabulary);
  tokenizer->pad_ = FindToken(added, vocabulary, pad.content);
  if (tokenizer->pad_ < 0) {
    return Status::InvalidArgument(where + ": the padding token \"" + Printable(pad.content) +
                                   "\" is not in the vocabulary; do the tokenizer's files come "
                                   "from one model?");
  }
  if (file.post_processor) {
    tokenizer->template_ = std::move(*file.post_processor);
  } else if (const std::int32_t id = FindToken(added, vocabulary, eos.content);
             id >= 0 && settings.add_eos.value_or(true)) {
    tokenizer->template_.suffix = {id};
  }
  tokenizer->vocabulary_ = std::max(file.unigram.size(), added.bound);
  ESPY_RETURN_IF_ERROR(tokenizer->template_.Check(tokenizer->vocabulary_, where));
  tokenizer->pads_left_ = settings.pads_left.value_or(false);
  tokenizer->matchers_ = TokenMatchers(
      std::move(added), [&](std::string_view text) { return tokenizer->normalizer_.Apply(text); });
  tokenizer->model_ = std::move(file.unigram);
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

std::vector<std::int32_t> UnigramTokenizer::Encode(std::string_view text,
                                                   std::int64_t context) const {
  return template_.Around(context, [&](std::size_t full, std::vector<std::int32_t>* ids) {
    std::vector<std::string> words;
    matchers_.Encode(
        ValidUtf8(text), full, [&](std::string_view piece) { return normalizer_.Apply(piece); },
        [&](std::string_view part, bool at_start, std::vector<std::int32_t>* to) {
          words.clear();
          cutter_.Cut(part, at_start, &words);
          for (const std::string& word : words) {
            if (to->size() < full) model_.Append(word, to);
          }
        },
        ids);
  });
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeUnigramTokenizer(TokenizerJson file,
                                                        const TokenizerSettings& settings,
                                                        const std::string& where) {
  return UnigramTokenizer::Make(std::move(file), settings, where);
}

}  // namespace espy::encoders
