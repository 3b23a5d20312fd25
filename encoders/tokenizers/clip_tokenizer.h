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

// open_clip's SimpleTokenizer over the same vocabulary: `cleaning` instead of that normalization,
// "<start_of_text>" and "<end_of_text>" the only special tokens, padding 0.
Result<std::unique_ptr<Tokenizer>> LoadSimpleTokenizer(const TokenizerDirectory& directory,
                                                       TextCleaning cleaning);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_CLIP_TOKENIZER_H_
