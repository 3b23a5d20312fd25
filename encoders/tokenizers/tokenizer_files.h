// What a tokenizer's files say, read and checked, before a tokenizer is made of it.
#ifndef ESPY_ENCODERS_TOKENIZERS_TOKENIZER_FILES_H_
#define ESPY_ENCODERS_TOKENIZERS_TOKENIZER_FILES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "encoders/json.h"
#include "encoders/tokenizers/added_tokens.h"
#include "encoders/tokenizers/bpe.h"
#include "encoders/tokenizers/token_template.h"
#include "encoders/tokenizers/unigram.h"
#include "espy/status.h"

namespace espy::encoders {

// The bytes of a file of the model directory by its name there; NotFound when there is none.
// Messages name files as `Path` shows them.
struct TokenizerDirectory {
  std::function<Result<std::string>(const std::string& name)> read;
  std::string path;

  std::string Path(std::string_view name) const { return path + "/" + std::string(name); }
  // nullopt when the file is absent.
  Result<std::optional<std::string>> ReadIfThere(const std::string& name) const;
};

// A vocabulary: token text -> id. Ids are at least 0 and below kMaxIds.
class Vocabulary {
 public:
  static constexpr std::int32_t kMaxIds = 1 << 21;

  Vocabulary() = default;
  explicit Vocabulary(std::unordered_map<std::string, std::int32_t> ids);  // checked by the caller
  // Reads an object of ids.
  static Result<Vocabulary> Parse(const JsonValue& object, const std::string& where);
  std::int32_t Find(const std::string& token) const;  // -1 when absent
  std::int32_t bound() const { return bound_; }       // every id is below it
  // The tokens of one code point.
  std::unordered_map<char32_t, std::int32_t> Letters() const;

 private:
  std::unordered_map<std::string, std::int32_t> ids_;
  std::int32_t bound_ = 0;
};

// tokenizer_config.json, with special_tokens_map.json for what it leaves out. transformers merges
// the two so.
struct TokenizerSettings {
  // Special tokens by role; content is empty when the files do not name one.
  AddedToken bos, eos, unk, pad, cls, sep, mask;
  bool has_added_tokens = false;         // "added_tokens_decoder" was there
  std::vector<AddedToken> added_tokens;  // from it
  std::optional<bool> add_bos, add_eos, lower_case;
  // BERT's: strip_accents, tokenize_chinese_chars, clean_up_tokenization_spaces.
  std::optional<bool> strip_accents, cut_chinese, cleans_up;
  std::optional<bool> pads_left;  // "padding_side"
};
Result<TokenizerSettings> ReadTokenizerSettings(const TokenizerDirectory& directory);

// A byte-pair model, from tokenizer.json or from vocab.json and merges.txt.
struct BpeModel {
  Vocabulary vocabulary;
  BpeMerges merges;
  std::string end_of_word_suffix;
  bool byte_fallback = false;
};

// tokenizer.json whole. `normalizer` and the like stay JSON: the tokenizer that is made of it knows
// which it can do.
struct TokenizerJson {
  BpeModel model;        // empty unless model_type is "BPE"
  UnigramModel unigram;  // empty unless it is "Unigram"
  JsonValue word_piece;  // the whole model where it is "WordPiece", else null
  std::string model_type;
  std::vector<AddedToken> added_tokens;
  JsonValue normalizer, pre_tokenizer, decoder;
  // Ids before and after the text's, from the post-processor; nullopt when it is null.
  std::optional<TokenTemplate> post_processor;
};
Result<TokenizerJson> ParseTokenizerJson(std::string_view text, const std::string& where);

Result<BpeModel> ParseVocabularyAndMerges(std::string_view vocabulary_json,
                                          const std::string& vocabulary_where,
                                          std::string_view merges_txt,
                                          const std::string& merges_where);

// One token of "added_tokens" or "added_tokens_decoder".
Result<AddedToken> ParseAddedToken(const JsonValue& value, const std::string& where);

// The tokens found in the text as written and in the normalized text, which the two matchers need
// apart: those the files declare, then the special ones in the order given where no declared one
// has the content. Ids come from the vocabulary where it has the content. Tokens without an id are
// left out.
struct AddedTokenSets {
  std::vector<AddedToken> raw, normalized;
  std::int32_t bound = 0;  // every id is below it
};
AddedTokenSets CollectAddedTokens(const std::vector<AddedToken>& declared,
                                  const std::vector<AddedToken>& special,
                                  const Vocabulary& vocabulary);

// The id of a special token by its content, among the added tokens and then the vocabulary; -1 when
// absent.
std::int32_t FindToken(const AddedTokenSets& added, const Vocabulary& vocabulary,
                       const std::string& content);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TOKENIZER_FILES_H_
