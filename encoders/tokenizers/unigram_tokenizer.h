// The tokenizer of a tokenizer.json whose model is of type Unigram: what SigLIP's fast tokenizer
// is, where a directory has no spiece.model.
#ifndef ESPY_ENCODERS_TOKENIZERS_UNIGRAM_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_UNIGRAM_TOKENIZER_H_

#include <memory>
#include <string>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {

// Does what the file says, as the tokenizers library does: added tokens, normalizer, pre_tokenizer
// (WhitespaceSplit, Metaspace and sequences of them), model, post_processor; without a
// post_processor, eos_token ("</s>") ends a text unless add_eos_token is false. The padding is
// pad_token, else "</s>", on the right unless padding_side says left. `where` stands in messages.
Result<std::unique_ptr<Tokenizer>> MakeUnigramTokenizer(TokenizerJson file,
                                                        const TokenizerSettings& settings,
                                                        const std::string& where);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_UNIGRAM_TOKENIZER_H_
