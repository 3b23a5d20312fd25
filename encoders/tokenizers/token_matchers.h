// The walk over a text that every tokenizer.json shares: added tokens are found in the text as it
// is written and then in the normalized text; what lies between them is for the model.
#ifndef ESPY_ENCODERS_TOKENIZERS_TOKEN_MATCHERS_H_
#define ESPY_ENCODERS_TOKENIZERS_TOKEN_MATCHERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "encoders/tokenizers/added_tokens.h"
#include "encoders/tokenizers/tokenizer_files.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {

// Constant after construction: any thread.
class TokenMatchers {
 public:
  TokenMatchers() = default;
  // A token that is to be found in normalized text is written as `normalize` would write it.
  template <typename Normalize>
  TokenMatchers(AddedTokenSets added, const Normalize& normalize) {
    for (AddedToken& token : added.normalized) token.content = normalize(token.content);
    raw_ = AddedTokens(std::move(added.raw), IsSpace);
    normalized_ = AddedTokens(std::move(added.normalized), IsSpace);
  }

  // Appends the ids of a text, valid UTF-8: of added tokens here, of the normalized text between
  // them through append(text, at_start, ids), where `at_start` says that nothing came before. Ends
  // with the stretch of text that fills `ids` to `full`: what follows would be cut off.
  template <typename Normalize, typename Append>
  void Encode(std::string_view text, std::size_t full, const Normalize& normalize,
              const Append& append, std::vector<std::int32_t>* ids) const {
    bool at_start = true;
    for (const TextPiece& piece : raw_.Split(text)) {
      if (ids->size() >= full) return;
      if (piece.id >= 0) {
        ids->push_back(piece.id);
        at_start = false;
        continue;
      }
      const std::string normal = normalize(piece.text);
      for (const TextPiece& part : normalized_.Split(normal)) {
        if (part.id >= 0) {
          ids->push_back(part.id);
        } else {
          append(part.text, at_start, ids);
        }
        at_start = false;
      }
    }
  }

 private:
  AddedTokens raw_, normalized_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TOKEN_MATCHERS_H_
