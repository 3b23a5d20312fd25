// A SentencePiece model file checked before the library sees it.
#ifndef ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_CHECK_H_
#define ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_CHECK_H_

#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::encoders {

// The library trusts the model's character map: a trie of array offsets that it follows without
// bounds, whose leaves are offsets into a string, and of whose matches it keeps 32 on the stack.
// This walks the whole trie and refuses a model in which any text could lead outside. It also
// bounds the number and length of the pieces.
Status CheckSentencePieceModel(std::string_view model, const std::string& where);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_SENTENCEPIECE_CHECK_H_
