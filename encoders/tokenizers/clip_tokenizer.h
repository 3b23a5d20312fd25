// CLIP's byte-level BPE.
#ifndef ESPY_ENCODERS_TOKENIZERS_CLIP_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_CLIP_TOKENIZER_H_

#include <memory>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {

// From tokenizer.json, else vocab.json and merges.txt, with the special tokens of
// tokenizer_config.json. The rules are those of transformers' CLIPTokenizer (normalize to NFC,
// collapse spaces, lower-case; cut into words; merge bytes), which that class fixes whatever
// tokenizer.json says of them.
Result<std::unique_ptr<Tokenizer>> LoadClipTokenizer(const TokenizerDirectory& directory);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_CLIP_TOKENIZER_H_
