// The stage of a search that looks up words, alone or beside vectors.
#ifndef ESPY_ENGINE_SEARCH_WORDS_H_
#define ESPY_ENGINE_SEARCH_WORDS_H_

#include <memory>
#include <optional>
#include <string>

#include "engine/search/stages.h"

namespace espy::search {

// Whether the question has a part in words.
bool AsksForWords(const SearchOptions& options);
// Whether it has one in vectors.
inline bool AsksForVectors(const Query& query) {
  return !query.terms.empty() || !query.like.empty();
}

// InvalidArgument for a weight out of range, words that hold nothing to look for, and options that
// only an order of cosines has.
Status CheckWords(const Query& query, const SearchOptions& options);

// The newest state and the text index as it is there.
struct WordState {
  std::shared_ptr<const ReadState> state;
  std::shared_ptr<const text::TextView> view;
};
Result<WordState> ReadWordState(Library::Impl* library, const std::string& space, bool with_fields);

// The page that was asked for, by words alone or by words and vectors fused. `cut` is of cosines;
// words alone are held to options.min_score. Looking up the words takes *text_ms.
Result<Candidates> FindByWords(Library::Impl* library, const Query& query, const Asked& asked,
                               const Allowed& allowed, const SearchOptions& options,
                               const std::optional<float>& cut, const WordState& words,
                               double* text_ms);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_WORDS_H_
