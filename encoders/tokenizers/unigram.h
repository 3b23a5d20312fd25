// A unigram language model over pieces of text (Kudo 2018, arXiv:1804.10959), as tokenizer.json
// carries it: a text is cut into the pieces whose scores sum to the most.
#ifndef ESPY_ENCODERS_TOKENIZERS_UNIGRAM_H_
#define ESPY_ENCODERS_TOKENIZERS_UNIGRAM_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "encoders/json.h"
#include "espy/status.h"

namespace espy::encoders {

// Constant once parsed: any thread.
class UnigramModel {
 public:
  UnigramModel() = default;
  // {"vocab": [[PIECE, SCORE], ...], "unk_id": N, "byte_fallback": BOOL}; an id is a piece's place
  // in the list. Refused: no unk_id, a score that is not finite, an empty piece or one over 1024
  // bytes.
  static Result<UnigramModel> Parse(const JsonValue& model, const std::string& where);

  // Appends the ids of the best cut of `text`, which is valid UTF-8. A character that no piece
  // begins with costs ten more than the worst piece; a run of such is one unknown, or its bytes'
  // pieces. Ties go as in the tokenizers library (encode_optimized). O(text x longest piece).
  void Append(std::string_view text, std::vector<std::int32_t>* ids) const;

  std::int32_t size() const { return static_cast<std::int32_t>(scores_.size()); }
  const std::unordered_map<std::string, std::int32_t>& pieces() const { return ids_; }

 private:
  struct Node {
    std::int32_t first_child = -1, next = -1;  // siblings are a list
    std::int32_t id = -1;                      // of the piece that ends here
    std::uint8_t byte = 0;
  };
  void AddToTrie(std::string_view piece, std::int32_t id);
  std::int32_t Child(std::int32_t node, std::uint8_t byte) const;  // -1 when there is none
  void AppendPiece(std::string_view piece, std::vector<std::int32_t>* ids) const;

  std::vector<double> scores_;  // by id
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<Node> nodes_{1};
  std::array<std::int32_t, 256> roots_{};  // the first step is taken for every character of a text
  std::array<std::int32_t, 256> bytes_{};  // ids of "<0x00>" to "<0xFF>"
  bool has_bytes_ = false;
  std::int32_t unknown_ = 0;
  double unknown_score_ = 0;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_UNIGRAM_H_
