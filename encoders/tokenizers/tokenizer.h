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

struct TokenizerDirectory;

// What is done to a text before a tokenizer's own rules; only open_clip does anything
// (openclip/clean_text.h).
enum class TextCleaning { kNone, kWhitespace, kLower, kCanonicalize };

struct TokenizerKind {
  std::string family = "clip";  // config.json's model_type
  TextCleaning cleaning = TextCleaning::kNone;
  // open_clip's SimpleTokenizer over CLIP's vocabulary, rather than transformers' CLIPTokenizer: no
  // special token but "<start_of_text>" and "<end_of_text>", padding 0.
  bool simple = false;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Ids with the special tokens (start, end), cut to at most `context` keeping the end token; not
  // padded. Any bytes are accepted: invalid UTF-8 is read as U+FFFD, and of a text over 16 MiB only
  // the start. O(n log n) for n bytes, whatever they are. Any thread.
  virtual std::vector<std::int32_t> Encode(std::string_view text, std::int64_t context) const = 0;
  virtual std::int32_t pad_id() const = 0;
  // On which side of the ids the pads go when a model wants exactly `context` of them.
  virtual bool pads_left() const { return false; }
  virtual std::int64_t vocabulary() const = 0;  // ids, pad_id() included, are below this
};

// Reads whichever tokenizer files the directory has: vocab.json + merges.txt or tokenizer.json
// (byte-level BPE of CLIP), spiece.model (SentencePiece with SigLIP's text cleaning), else
// tokenizer.json of type Unigram (the same, by the file's own rules), tokenizer.json or
// tokenizer.model (Gemma's, with SigLIP2's lower-casing). docs/MODELS.md says which file counts
// when there are several.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 const TokenizerKind& kind);

// The same from files that need not be on a disk.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TokenizerDirectory& directory,
                                                 const TokenizerKind& kind);
// As transformers does it for a model_type.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& directory,
                                                 std::string_view family);
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TokenizerDirectory& directory,
                                                 std::string_view family);

// The names of all files that LoadTokenizer may look at, for whoever copies or hashes a model.
const std::vector<std::string>& TokenizerFileNames();

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TOKENIZER_H_
