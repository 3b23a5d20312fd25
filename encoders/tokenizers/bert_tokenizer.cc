#include "encoders/tokenizers/bert_tokenizer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/bert_text.h"
#include "encoders/tokenizers/token_matchers.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

constexpr std::uint64_t kMaxFileBytes = 64 << 20;
constexpr std::size_t kMaxTokenBytes = 1024;
constexpr std::int64_t kMaxWordLetters = 256;

void ReplaceAll(std::string_view what, std::string_view with, std::string* text) {
  for (std::size_t at = text->find(what); at != std::string::npos;
       at = text->find(what, at + with.size())) {
    text->replace(at, what.size(), with);
  }
}

// The same list in both of its places, but for "do not", which is the tokenizers library's.
void CleanUp(bool of_library, std::string* text) {
  ReplaceAll(" .", ".", text);
  ReplaceAll(" ?", "?", text);
  ReplaceAll(" !", "!", text);
  ReplaceAll(" ,", ",", text);
  ReplaceAll(" ' ", "'", text);
  ReplaceAll(" n't", "n't", text);
  ReplaceAll(" 'm", "'m", text);
  if (of_library) ReplaceAll(" do not", " don't", text);
  ReplaceAll(" 's", "'s", text);
  ReplaceAll(" 've", "'ve", text);
  ReplaceAll(" 're", "'re", text);
}

// All that a tokenizer is made of, whichever files it comes from.
struct Parts {
  std::unordered_map<std::string, std::int32_t> vocabulary;
  std::string unknown = "[UNK]";
  std::string continuing = "##";
  std::size_t most_letters = 100;
  BertTextRules rules;
  std::vector<AddedToken> added;  // that the files declare
  std::optional<TokenTemplate> processor;
  bool cleans_pieces = true;
};

class WordPiece final : public BertTokenizer {
 public:
  static Result<std::unique_ptr<BertTokenizer>> Make(Parts parts, const TokenizerSettings& settings,
                                                     const std::string& where);

  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override;
  std::string Decode(std::span<const std::int32_t> ids) const override;
  std::int32_t pad_id() const override { return pad_; }
  bool pads_left() const override { return pads_left_; }
  std::int64_t vocabulary() const override { return bound_; }

 private:
  void AppendWord(std::string_view word, std::vector<std::int32_t>* ids) const;

  // Constant after construction.
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<std::int32_t, std::string> tokens_;
  std::unordered_set<std::int32_t> special_;
  std::string continuing_;
  std::size_t most_letters_ = 100;
  BertTextRules rules_;
  TokenMatchers matchers_;
  TokenTemplate template_;
  std::int32_t unknown_ = 0;
  std::int32_t pad_ = 0;
  bool pads_left_ = false;
  bool cleans_pieces_ = true;
  bool cleans_text_ = false;
  std::int64_t bound_ = 0;
};

Result<std::unique_ptr<BertTokenizer>> WordPiece::Make(Parts parts,
                                                       const TokenizerSettings& settings,
                                                       const std::string& where) {
  auto tokenizer = std::make_unique<WordPiece>();
  const Vocabulary vocabulary(parts.vocabulary);
  const auto role = [](const AddedToken& token, const char* otherwise) {
    AddedToken named = token;
    if (named.content.empty()) named.content = otherwise;
    return named;
  };
  const std::vector<AddedToken> roles{role(settings.unk, "[UNK]"),
                                      role(settings.sep, "[SEP]"),
                                      role(settings.pad, "[PAD]"),
                                      role(settings.cls, "[CLS]"),
                                      role(settings.mask, "[MASK]"),
                                      settings.bos,
                                      settings.eos};
  AddedTokenSets added = CollectAddedTokens(
      settings.has_added_tokens ? settings.added_tokens : parts.added, roles, vocabulary);
  const auto find = [&](const std::string& content) {
    return FindToken(added, vocabulary, content);
  };
  struct Needed {
    const char* what;
    std::string content;
    std::int32_t* id;
  };
  std::int32_t cls = -1, sep = -1;
  for (const Needed& needed :
       {Needed{"unk_token", parts.unknown, &tokenizer->unknown_},
        Needed{"pad_token", roles[2].content, &tokenizer->pad_},
        Needed{"cls_token", roles[3].content, &cls}, Needed{"sep_token", roles[1].content, &sep}}) {
    *needed.id = find(needed.content);
    if (*needed.id < 0) {
      return Status::InvalidArgument(where + ": the " + needed.what + " \"" +
                                     Printable(needed.content) +
                                     "\" is not in the vocabulary; do the tokenizer's files come "
                                     "from one model?");
    }
  }
  for (const AddedToken& token : roles) {
    if (const std::int32_t id = find(token.content); id >= 0) tokenizer->special_.insert(id);
  }
  for (const std::vector<AddedToken>* tokens : {&added.raw, &added.normalized}) {
    for (const AddedToken& token : *tokens) {
      if (token.special) tokenizer->special_.insert(token.id);
      tokenizer->tokens_[token.id] = token.content;
    }
  }
  tokenizer->template_ = parts.processor.value_or(TokenTemplate{.prefix = {cls}, .suffix = {sep}});
  tokenizer->bound_ = std::max(vocabulary.bound(), added.bound);
  ESPY_RETURN_IF_ERROR(tokenizer->template_.Check(tokenizer->bound_, where));
  tokenizer->rules_ = parts.rules;
  tokenizer->continuing_ = parts.continuing;
  tokenizer->most_letters_ = parts.most_letters;
  tokenizer->cleans_pieces_ = parts.cleans_pieces;
  tokenizer->cleans_text_ = settings.cleans_up.value_or(false);
  tokenizer->pads_left_ = settings.pads_left.value_or(false);
  tokenizer->matchers_ = TokenMatchers(std::move(added), [&](std::string_view text) {
    return NormalizeBertText(parts.rules, text);
  });
  for (const auto& [token, id] : parts.vocabulary) tokenizer->tokens_.emplace(id, token);
  tokenizer->ids_ = std::move(parts.vocabulary);
  return std::unique_ptr<BertTokenizer>(std::move(tokenizer));
}

// The longest token that the word begins with, then the longest continuing one, and so on; one that
// cannot be made up whole is unknown. O(letters^2), and letters are few.
void WordPiece::AppendWord(std::string_view word, std::vector<std::int32_t>* ids) const {
  std::vector<std::size_t> ends;  // of the letters
  for (std::size_t at = 0; at < word.size();) {
    NextCodePoint(word, &at);
    ends.push_back(at);
    if (ends.size() > most_letters_) {
      ids->push_back(unknown_);
      return;
    }
  }
  std::vector<std::int32_t> pieces;
  std::size_t start = 0;  // in bytes
  std::size_t first = 0;  // in letters
  while (first < ends.size()) {
    std::size_t last = ends.size();
    std::int32_t id = -1;
    for (; last > first && id < 0; --last) {
      const std::size_t end = ends[last - 1];
      const auto found = ids_.find((start > 0 ? continuing_ : std::string()) +
                                   std::string(word.substr(start, end - start)));
      if (found != ids_.end()) id = found->second;
    }
    if (id < 0) {
      ids->push_back(unknown_);
      return;
    }
    pieces.push_back(id);
    first = last + 1;
    start = ends[last];
  }
  ids->insert(ids->end(), pieces.begin(), pieces.end());
}

std::vector<std::int32_t> WordPiece::Encode(std::string_view text, std::int64_t context) const {
  return template_.Around(context, [&](std::size_t full, std::vector<std::int32_t>* ids) {
    matchers_.Encode(
        ValidUtf8(text), full,
        [&](std::string_view piece) { return NormalizeBertText(rules_, piece); },
        [&](std::string_view part, bool, std::vector<std::int32_t>* to) {
          for (const std::string_view word : BertWords(part)) {
            if (to->size() >= full) break;
            AppendWord(word, to);
          }
        },
        ids);
  });
}

std::string WordPiece::Decode(std::span<const std::int32_t> ids) const {
  std::string text;
  bool first = true;
  for (const std::int32_t id : ids) {
    const auto found = tokens_.find(id);
    if (found == tokens_.end() || special_.contains(id)) continue;
    std::string piece = found->second;
    if (!first && piece.starts_with(continuing_)) {
      piece.erase(0, continuing_.size());
    } else if (!first) {
      piece.insert(0, " ");
    }
    if (cleans_pieces_) CleanUp(/*of_library=*/true, &piece);
    text += piece;
    first = false;
  }
  if (cleans_text_) CleanUp(/*of_library=*/false, &text);
  return text;
}

// {"type": "BertNormalizer", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}
Result<BertTextRules> ReadRules(const JsonValue& value, const std::string& where) {
  JsonFields fields(&value, where);
  if (const std::string type = fields.Text("type", ""); type != "BertNormalizer") {
    fields.Refuse("type", "is \"" + Printable(type) + "\"; BLIP's is BertNormalizer",
                  StatusCode::kUnsupported);
  }
  BertTextRules rules;
  rules.clean = fields.Flag("clean_text", true);
  rules.cut_chinese = fields.Flag("handle_chinese_chars", true);
  rules.lower_case = fields.Flag("lowercase", true);
  rules.strip_accents = fields.Flag("strip_accents", rules.lower_case);
  ESPY_RETURN_IF_ERROR(fields.status());
  return rules;
}

Result<Parts> PartsOfJson(std::string_view text, const std::string& where) {
  ESPY_ASSIGN_OR_RETURN(TokenizerJson file, ParseTokenizerJson(text, where));
  if (file.model_type != "WordPiece") {
    return Status::Unsupported(where + ": its model is of type \"" + Printable(file.model_type) +
                               "\"; models of type blip use WordPiece");
  }
  Parts parts;
  JsonFields model(&file.word_piece, where + ": model");
  parts.unknown = model.Text("unk_token", "[UNK]");
  parts.continuing = model.Text("continuing_subword_prefix", "##");
  parts.most_letters =
      static_cast<std::size_t>(model.Integer("max_input_chars_per_word", 100, 1, kMaxWordLetters));
  ESPY_RETURN_IF_ERROR(model.status());
  const JsonValue* vocabulary = file.word_piece.FindGiven("vocab");
  if (vocabulary == nullptr) {
    return Status::InvalidArgument(where + ": model: vocab is missing");
  }
  // Checks each id.
  ESPY_ASSIGN_OR_RETURN(const Vocabulary checked,
                        Vocabulary::Parse(*vocabulary, where + ": model: vocab"));
  parts.vocabulary.reserve(vocabulary->AsObject()->size());
  for (const auto& [token, value] : *vocabulary->AsObject()) {
    parts.vocabulary.emplace(token, checked.Find(token));
  }
  if (!file.normalizer.is_null()) {
    ESPY_ASSIGN_OR_RETURN(parts.rules, ReadRules(file.normalizer, where + ": normalizer"));
  } else {
    parts.rules = {
        .clean = false, .cut_chinese = false, .strip_accents = false, .lower_case = false};
  }
  JsonFields cutter(&file.pre_tokenizer, where + ": pre_tokenizer");
  if (const std::string type = cutter.Text("type", ""); type != "BertPreTokenizer") {
    return Status::Unsupported(where + ": pre_tokenizer is of type \"" + Printable(type) +
                               "\"; BLIP's is BertPreTokenizer");
  }
  JsonFields decoder(file.decoder.is_null() ? nullptr : &file.decoder, where + ": decoder");
  parts.cleans_pieces = decoder.Flag("cleanup", true);
  ESPY_RETURN_IF_ERROR(decoder.status());
  parts.added = std::move(file.added_tokens);
  parts.processor = std::move(file.post_processor);
  return parts;
}

// A token a line; its id is the line's number.
Result<Parts> PartsOfLines(std::string_view text, const TokenizerSettings& settings,
                           const std::string& where) {
  Parts parts;
  std::int32_t id = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > kMaxTokenBytes || id >= Vocabulary::kMaxIds) {
      return Status::ResourceExhausted(where + ": line " + std::to_string(id + 1) +
                                       ": a token is over 1024 bytes, or there are over " +
                                       std::to_string(Vocabulary::kMaxIds) + " of them");
    }
    // Of a token that comes twice, the last line counts, as in transformers.
    parts.vocabulary[std::string(line)] = id++;
  }
  if (parts.vocabulary.empty()) return Status::InvalidArgument(where + ": empty");
  if (!settings.unk.content.empty()) parts.unknown = settings.unk.content;
  parts.rules.lower_case = settings.lower_case.value_or(true);
  parts.rules.strip_accents = settings.strip_accents.value_or(parts.rules.lower_case);
  parts.rules.cut_chinese = settings.cut_chinese.value_or(true);
  return parts;
}

}  // namespace

Result<std::unique_ptr<BertTokenizer>> LoadBertTokenizer(const TokenizerDirectory& directory) {
  ESPY_ASSIGN_OR_RETURN(const TokenizerSettings settings, ReadTokenizerSettings(directory));
  ESPY_ASSIGN_OR_RETURN(const auto json, directory.ReadIfThere("tokenizer.json"));
  if (json) {
    const std::string where = directory.Path("tokenizer.json");
    ESPY_ASSIGN_OR_RETURN(Parts parts, PartsOfJson(*json, where));
    return WordPiece::Make(std::move(parts), settings, where);
  }
  ESPY_ASSIGN_OR_RETURN(const auto lines, directory.ReadIfThere("vocab.txt"));
  if (lines) {
    const std::string where = directory.Path("vocab.txt");
    ESPY_ASSIGN_OR_RETURN(Parts parts, PartsOfLines(*lines, settings, where));
    return WordPiece::Make(std::move(parts), settings, where);
  }
  return Status::NotFound(directory.path +
                          ": no tokenizer; a model of type blip needs tokenizer.json or vocab.txt");
}

Result<std::unique_ptr<BertTokenizer>> LoadBertTokenizer(const std::string& directory) {
  const auto read = [&directory](const std::string& name) {
    return Env::Default()->ReadFile(directory + "/" + name, kMaxFileBytes);
  };
  return LoadBertTokenizer(TokenizerDirectory{read, directory});
}

}  // namespace espy::encoders
