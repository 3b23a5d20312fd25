// An order in which the best are unlike each other.
#ifndef ESPY_ENGINE_SEARCH_DIVERSITY_H_
#define ESPY_ENGINE_SEARCH_DIVERSITY_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::search {

// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next is the candidate with
// the greatest (1 - d) relevance - d (greatest similarity to one chosen before). Relevance and
// similarity are brought to [0, 1] over the candidates first: words score pictures in another range
// than pictures score each other. `vectors` are unit rows of `dimension`, in the order of
// `relevance`. The places of the n chosen, in their order; equal ones by place. O(n candidates).
std::vector<std::size_t> DiverseOrder(std::span<const float> relevance,
                                      std::span<const float> vectors, std::size_t dimension,
                                      std::size_t n, float d);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_DIVERSITY_H_
