// BERT's WordPiece tokenizer, which BLIP reads and writes texts with.
#ifndef ESPY_ENCODERS_TOKENIZERS_BERT_TOKENIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_BERT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {

// Encode puts [CLS] before a text's ids and [SEP] after them.
class BertTokenizer : public Tokenizer {
 public:
  // The text of ids, special tokens left out, as transformers' decode(skip_special_tokens=True):
  // pieces joined, "##" removed, spaces before punctuation removed where the files ask for it. Ids
  // that the vocabulary lacks (BLIP's [DEC], in files of plain BERT) are passed over.
  virtual std::string Decode(std::span<const std::int32_t> ids) const = 0;
};

// tokenizer.json of type WordPiece, else vocab.txt, with tokenizer_config.json and
// special_tokens_map.json. At most 2^21 tokens of at most 1024 bytes.
Result<std::unique_ptr<BertTokenizer>> LoadBertTokenizer(const TokenizerDirectory& directory);
Result<std::unique_ptr<BertTokenizer>> LoadBertTokenizer(const std::string& directory);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_BERT_TOKENIZER_H_
