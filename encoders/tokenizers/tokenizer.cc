#include "encoders/tokenizers/tokenizer.h"

#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/tokenizers/clip_tokenizer.h"
#include "encoders/tokenizers/gemma_tokenizer.h"
#include "encoders/tokenizers/sentencepiece_tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {
namespace {

constexpr std::uint64_t kMaxFileBytes = 64 << 20;  // Gemma's tokenizer.json has 34 MB

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
    if (file.model_type == "Unigram") {
      return Status::Unsupported(where +
                                 ": its model is of type Unigram, which is read from "
                                 "spiece.model; add that file from the publisher");
    }
    return Status::Unsupported(where + ": its model is of no type that models of type siglip use");
  }
  ESPY_ASSIGN_OR_RETURN(const auto model, directory.ReadIfThere("tokenizer.model"));
  if (model) {
    return MakeSentencePieceTokenizer(*model, settings, Cleaning::kSiglip2,
                                      directory.Path("tokenizer.model"));
  }
  return Status::NotFound(directory.path +
                          ": no tokenizer; a model of type siglip needs spiece.model, or "
                          "tokenizer.json (SigLIP2)");
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TokenizerDirectory& directory,
                                                 std::string_view family) {
  if (family == "clip") return LoadClipTokenizer(directory);
  if (family == "siglip" || family == "siglip2") return LoadSiglip(directory);
  return Status::Unsupported(directory.path + ": no tokenizer is known for a model of type " +
                             std::string(family));
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 std::string_view family) {
  const auto read = [&directory](const std::string& name) {
    return Env::Default()->ReadFile(directory + "/" + name, kMaxFileBytes);
  };
  return LoadTokenizer(TokenizerDirectory{read, directory}, family);
}

const std::vector<std::string>& TokenizerFileNames() {
  static const std::vector<std::string> names = {
      "merges.txt",      "special_tokens_map.json", "spiece.model", "tokenizer.json",
      "tokenizer.model", "tokenizer_config.json",   "vocab.json"};
  return names;
}

}  // namespace espy::encoders
