// The normalizer of a tokenizer.json, as the tokenizers library applies it.
#ifndef ESPY_ENCODERS_TOKENIZERS_NORMALIZER_H_
#define ESPY_ENCODERS_TOKENIZERS_NORMALIZER_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "encoders/json.h"
#include "espy/status.h"

namespace espy::encoders {

// Constant once parsed: any thread.
class Normalizer {
 public:
  // Sequence, Lowercase, NFC, NFKC, Strip, Prepend, Precompiled, and Replace by a string or by a
  // TextPattern; null does nothing. Unsupported for another type.
  static Result<Normalizer> Parse(const JsonValue& value, const std::string& where);

  // Valid UTF-8 in and out. An answer may be longer than the text, by what is put in the place of
  // each character; it is cut to four times kMaxTextBytes after each step.
  std::string Apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string_view)>;
  static Status Add(const JsonValue& value, const std::string& where, std::vector<Step>* steps);

  std::vector<Step> steps_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_NORMALIZER_H_
