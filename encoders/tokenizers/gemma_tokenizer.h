// SigLIP2's tokenizer: Gemma's BPE over whole texts, with single bytes for what the vocabulary
// lacks.
#ifndef ESPY_ENCODERS_TOKENIZERS_GEMMA_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_GEMMA_TOKENIZER_H_

#include <memory>
#include <string>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {

// From a tokenizer.json of type BPE with byte_fallback. Texts are lower-cased, as SigLIP2 was
// trained, unless tokenizer_config.json says "do_lower_case": false; spaces become U+2581.
Result<std::unique_ptr<Tokenizer>> MakeGemmaTokenizer(TokenizerJson file,
                                                      const TokenizerSettings& settings,
                                                      const std::string& where);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_GEMMA_TOKENIZER_H_
