// SentencePiece's character map, as tokenizer.json carries it ("precompiled_charsmap").
//
//   offset  size  meaning
//   0       4     n, bytes of the trie, little endian, a multiple of 4
//   4       n     a double-array trie (darts-clone) of UTF-8 strings; each leaf is an offset into
//   4 + n   ...   replacements, each ended by a NUL
#ifndef ESPY_ENCODERS_TOKENIZERS_CHARS_MAP_H_
#define ESPY_ENCODERS_TOKENIZERS_CHARS_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

// Constant once parsed: any thread.
class CharsMap {
 public:
  // From base64. Corruption for what cannot be one; offsets that lead outside are met when a text
  // comes to them, and then map nothing.
  static Result<CharsMap> Parse(std::string_view base64, const std::string& where);

  // As the tokenizers library's Precompiled normalizer: a grapheme cluster of fewer than 6 bytes is
  // replaced whole when the map knows it or a beginning of it, else each of its code points is.
  std::string Apply(std::string_view text) const;

 private:
  // The replacement for the shortest beginning of `text` that the map knows; false when there is
  // none.
  bool Find(std::string_view text, std::string_view* replacement) const;

  std::vector<std::uint32_t> trie_;
  std::string replacements_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_CHARS_MAP_H_
