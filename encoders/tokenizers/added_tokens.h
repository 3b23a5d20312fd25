// Tokens that are found in the text itself, before the model's own rules cut it: <|endoftext|>,
// </s>, <eos>, ...
#ifndef ESPY_ENCODERS_TOKENIZERS_ADDED_TOKENS_H_
#define ESPY_ENCODERS_TOKENIZERS_ADDED_TOKENS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espy::encoders {

// As tokenizer.json's "added_tokens" and tokenizer_config.json's "added_tokens_decoder" describe
// one.
struct AddedToken {
  std::string content;
  std::int32_t id = -1;
  bool single_word = false;  // not inside a word
  bool lstrip = false;       // takes the spaces before it along
  bool rstrip = false;       // takes the spaces after it along
  bool normalized = false;   // looked for in the normalized text, not in the text as written
  bool special = false;      // left out of decoded texts
  bool has_flags = false;    // the file gave the flags, not the content alone
};

// A stretch of text: a token that was found, or (id < 0) what lies between two.
struct TextPiece {
  std::int32_t id;
  std::string_view text;
};

// Finds a set of tokens in a text: the leftmost match, the longest of those that start together, no
// overlaps. Constant after construction: any thread.
class AddedTokens {
 public:
  AddedTokens() = default;
  // Tokens without content are passed over. `is_space` is the rule that lstrip and rstrip follow.
  AddedTokens(std::vector<AddedToken> tokens, bool (*is_space)(char32_t));

  // The text cut into pieces that together make it up, in order; pieces view `text`. Valid UTF-8.
  std::vector<TextPiece> Split(std::string_view text) const;

 private:
  struct Node {
    std::vector<std::pair<std::uint8_t, std::int32_t>> next;  // sorted by byte
    std::int32_t token = -1;                                  // index of the token that ends here
  };
  // The longest token that starts at `at`: its index, or -1.
  std::int32_t LongestAt(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;  // a trie of their bytes; node 0 is the root
  bool (*is_space_)(char32_t) = nullptr;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_ADDED_TOKENS_H_
