// Words -> token ids, exactly as the model's publisher does it.
#ifndef ESPY_ENCODERS_TOKENIZERS_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Ids with the special tokens (start, end), cut to at most `context` keeping the end token; not padded. Any bytes are
  // accepted: invalid UTF-8 is read as U+FFFD. Any thread.
  virtual std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const = 0;
  virtual std::int32_t pad_id() const = 0;
  virtual std::int64_t vocabulary() const = 0;  // ids are below this
};

// Reads whichever tokenizer files the directory has: vocab.json + merges.txt or tokenizer.json (byte-level BPE of CLIP),
// spiece.model / tokenizer.model (SentencePiece, with SigLIP's or SigLIP2's text cleaning). `family` is config.json's
// model_type.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 std::string_view family);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TOKENIZER_H_
