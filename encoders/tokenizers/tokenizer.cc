#include "encoders/tokenizers/tokenizer.h"

#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/openclip/clean_text.h"
#include "encoders/tokenizers/bert_tokenizer.h"
#include "encoders/tokenizers/clip_tokenizer.h"
#include "encoders/tokenizers/gemma_tokenizer.h"
#include "encoders/tokenizers/sentencepiece_tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"
#include "encoders/tokenizers/unicode.h"
#include "encoders/tokenizers/unigram_tokenizer.h"

namespace espy::encoders {
namespace {

constexpr std::uint64_t kMaxFileBytes = 64 << 20;  // Gemma's tokenizer.json has 34 MB

// Cleans each text before another tokenizer reads it.
class CleaningTokenizer final : public Tokenizer {
 public:
  CleaningTokenizer(std::unique_ptr<Tokenizer> inner, TextCleaning cleaning)
      : inner_(std::move(inner)), cleaning_(cleaning) {}
  std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const override {
    return inner_->Encode(CleanForOpenClip(ValidUtf8(text), cleaning_), context);
  }
  std::int32_t pad_id() const override { return inner_->pad_id(); }
  bool pads_left() const override { return inner_->pads_left(); }
  std::int64_t vocabulary() const override { return inner_->vocabulary(); }

 private:
  const std::unique_ptr<Tokenizer> inner_;
  const TextCleaning cleaning_;
};

Result<std::unique_ptr<Tokenizer>> LoadSiglip(const TokenizerDirectory& directory) {
  ESPY_ASSIGN_OR_RETURN(const TokenizerSettings settings, ReadTokenizerSettings(directory));
  ESPY_ASSIGN_OR_RETURN(const auto spiece, directory.ReadIfThere("spiece.model"));
  if (spiece) {
    return MakeSentencePieceTokenizer(*spiece, settings, Cleaning::kSiglip,
                                      directory.Path("spiece.model"));
  }
  ESPY_ASSIGN_OR_RETURN(const auto json, directory.ReadIfThere("tokenizer.json"));
  if (json) {
    const std::string where = directory.Path("tokenizer.json");
    ESPY_ASSIGN_OR_RETURN(TokenizerJson file, ParseTokenizerJson(*json, where));
    if (file.model_type == "BPE") return MakeGemmaTokenizer(std::move(file), settings, where);
    if (file.model_type == "Unigram") return MakeUnigramTokenizer(std::move(file), settings, where);
    return Status::Unsupported(where + ": its model is of no type that models of type siglip use");
  }
  ESPY_ASSIGN_OR_RETURN(const auto model, directory.ReadIfThere("tokenizer.model"));
  if (model) {
    return MakeSentencePieceTokenizer(*model, settings, Cleaning::kSiglip2,
                                      directory.Path("tokenizer.model"));
  }
  return Status::NotFound(directory.path +
                          ": no tokenizer; a model of type siglip needs spiece.model, or "
                          "tokenizer.json");
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TokenizerDirectory& directory,
                                                 const TokenizerKind& kind) {
  if (kind.family == "clip" && kind.simple) return LoadSimpleTokenizer(directory, kind.cleaning);
  std::unique_ptr<Tokenizer> tokenizer;
  if (kind.family == "clip") {
    ESPY_ASSIGN_OR_RETURN(tokenizer, LoadClipTokenizer(directory));
  } else if (kind.family == "siglip" || kind.family == "siglip2") {
    ESPY_ASSIGN_OR_RETURN(tokenizer, LoadSiglip(directory));
  } else if (kind.family == "blip") {
    ESPY_ASSIGN_OR_RETURN(tokenizer, LoadBertTokenizer(directory));
  } else {
    return Status::Unsupported(directory.path + ": no tokenizer is known for a model of type " +
                               kind.family);
  }
  if (kind.cleaning != TextCleaning::kNone) {
    tokenizer = std::make_unique<CleaningTokenizer>(std::move(tokenizer), kind.cleaning);
  }
  return tokenizer;
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 const TokenizerKind& kind) {
  const auto read = [&directory](const std::string& name) {
    return Env::Default()->ReadFile(directory + "/" + name, kMaxFileBytes);
  };
  return LoadTokenizer(TokenizerDirectory{read, directory}, kind);
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 std::string_view family) {
  return LoadTokenizer(directory, TokenizerKind{.family = std::string(family)});
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TokenizerDirectory& directory,
                                                 std::string_view family) {
  return LoadTokenizer(directory, TokenizerKind{.family = std::string(family)});
}

const std::vector<std::string>& TokenizerFileNames() {
  static const std::vector<std::string> names = {
      "merges.txt",      "special_tokens_map.json", "spiece.model", "tokenizer.json",
      "tokenizer.model", "tokenizer_config.json",   "vocab.json"};
  return names;
}

}  // namespace espy::encoders
