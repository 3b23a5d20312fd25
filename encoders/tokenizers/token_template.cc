#include "encoders/tokenizers/token_template.h"

#include <algorithm>

namespace espy::encoders {

Status TokenTemplate::Check(std::int64_t vocabulary, const std::string& where) const {
  for (const std::vector<std::int32_t>* ids : {&prefix, &suffix}) {
    for (const std::int32_t id : *ids) {
      if (id >= vocabulary) {
        return Status::InvalidArgument(where + ": post_processor adds id " + std::to_string(id) +
                                       ", which the vocabulary lacks");
      }
    }
  }
  return Status::Ok();
}

std::size_t TokenTemplate::Room(std::size_t most) const {
  return most - std::min(most, suffix.size());
}

void TokenTemplate::Finish(std::size_t most, std::vector<std::int32_t>* ids) const {
  ids->resize(std::min(ids->size(), Room(most)));
  ids->insert(ids->end(), suffix.begin(), suffix.end());
  ids->resize(std::min(ids->size(), most));
}

}  // namespace espy::encoders
