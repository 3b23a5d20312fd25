// What BERT's tokenizer does to a text before the vocabulary is asked: cleaning, lower case,
// accents, and the cut into words, as the tokenizers library's BertNormalizer and BertPreTokenizer
// do it.
#ifndef ESPY_ENCODERS_TOKENIZERS_BERT_TEXT_H_
#define ESPY_ENCODERS_TOKENIZERS_BERT_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace espy::encoders {

struct BertTextRules {
  bool clean = true;          // control characters go, white space becomes ' '
  bool cut_chinese = true;    // each ideograph is a word
  bool strip_accents = true;  // nonspacing marks go, after canonical decomposition
  bool lower_case = true;
};

// Valid UTF-8 in and out. Categories are those of the library's tables, which know what Unicode 8
// assigned: later characters are unassigned to it.
std::string NormalizeBertText(const BertTextRules& rules, std::string_view text);

// Words of a normalized text: cut at white space, which goes, and around each punctuation
// character. They view `text`.
std::vector<std::string_view> BertWords(std::string_view text);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_BERT_TEXT_H_
