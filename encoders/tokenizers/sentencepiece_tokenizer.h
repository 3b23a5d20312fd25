// SentencePiece models: SigLIP's spiece.model and Gemma's tokenizer.model.
#ifndef ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_TOKENIZER_H_

#include <memory>
#include <string>
#include <string_view>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {

// How a text is cleaned before it is cut into pieces.
enum class Cleaning {
  // transformers' SiglipTokenizer: lower-case (unless "do_lower_case" is false), drop ASCII
  // punctuation, collapse and
  // strip spaces; then "</s>", which also pads.
  kSiglip,
  // SigLIP2's training: lower-case alone; then "<eos>", padded with "<pad>".
  kSiglip2,
};

// `model` is the file's bytes; `where` names it in messages.
Result<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(std::string_view model,
                                                              const TokenizerSettings& settings,
                                                              Cleaning cleaning,
                                                              const std::string& where);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_TOKENIZER_H_
