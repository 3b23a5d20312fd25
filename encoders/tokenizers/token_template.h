// The ids that a tokenizer.json puts before and after those of a text (its post_processor).
#ifndef ESPY_ENCODERS_TOKENIZERS_TOKEN_TEMPLATE_H_
#define ESPY_ENCODERS_TOKENIZERS_TOKEN_TEMPLATE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

struct TokenTemplate {
  std::vector<std::int32_t> prefix, suffix;

  // The ids of one text, at most `context`: the prefix, what fill(full, &ids) appends, cut where
  // ids number `full`, and the suffix.
  template <typename Fill>
  std::vector<std::int32_t> Around(std::int64_t context, const Fill& fill) const {
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(context, 0));
    std::vector<std::int32_t> ids = prefix;
    fill(Room(most), &ids);
    Finish(most, &ids);
    return ids;
  }

  // An error that names `where` when an id is not below `vocabulary`.
  Status Check(std::int64_t vocabulary, const std::string& where) const;
  // How many ids, the prefix's among them, there is room for when `most` are wanted in all.
  std::size_t Room(std::size_t most) const;
  // Cuts `ids`, which begin with the prefix, to that room, and appends the suffix.
  void Finish(std::size_t most, std::vector<std::int32_t>* ids) const;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_TOKEN_TEMPLATE_H_
