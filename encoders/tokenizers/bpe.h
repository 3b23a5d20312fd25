// Byte-pair encoding's merge rules, and their application to one word.
#ifndef ESPY_ENCODERS_TOKENIZERS_BPE_H_
#define ESPY_ENCODERS_TOKENIZERS_BPE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace espy::encoders {

// Constant after Finish: any thread.
class BpeMerges {
 public:
  // The pair (left, right) becomes `merged`. Rules are added from the most preferred on; a pair
  // that comes again replaces its earlier rule, as in Hugging Face's reader.
  void Add(std::int32_t left, std::int32_t right, std::int32_t merged);
  // Sorts the rules; call once, before Apply.
  void Finish();
  std::size_t size() const { return rules_.size(); }

  // Merges the word's symbols in place until no rule applies: always the pair of the lowest rank,
  // the leftmost of equals. O(n log n) for n symbols, by a heap over a linked list (a loop that
  // looks for the best pair anew after each merge takes O(n^2), which one hostile word of a
  // megabyte turns into hours). Ids below 0 take part in no rule.
  void Apply(std::vector<std::int32_t>* word) const;

 private:
  struct Rule {
    std::uint64_t pair;  // left << 32 | right
    std::int32_t rank;
    std::int32_t merged;
  };
  const Rule* Find(std::int32_t left, std::int32_t right) const;

  std::vector<Rule> rules_;  // sorted by pair
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOKENIZERS_BPE_H_
