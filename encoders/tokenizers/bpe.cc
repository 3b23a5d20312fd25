#include "encoders/tokenizers/bpe.h"

#include <algorithm>
#include <queue>

namespace espy::encoders {
namespace {

std::uint64_t Pair(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

// A merge that was possible when it was queued. It is stale when either symbol has changed since.
struct Candidate {
  std::int32_t rank;
  std::int32_t at;  // the left symbol's place in the word
  std::int32_t merged;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

struct Symbol {
  std::int32_t id;
  std::int32_t previous;  // places of the neighbours that are left; -1 at the ends
  std::int32_t next;
  bool gone;
};

}  // namespace

void BpeMerges::Add(std::int32_t left, std::int32_t right, std::int32_t merged) {
  rules_.push_back({Pair(left, right), static_cast<std::int32_t>(rules_.size()), merged});
}

void BpeMerges::Finish() {
  std::stable_sort(rules_.begin(), rules_.end(),
                   [](const Rule& a, const Rule& b) { return a.pair < b.pair; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const bool replaced = i + 1 < rules_.size() && rules_[i + 1].pair == rules_[i].pair;
    if (!replaced) rules_[kept++] = rules_[i];
  }
  rules_.resize(kept);
  rules_.shrink_to_fit();
}

const BpeMerges::Rule* BpeMerges::Find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = Pair(left, right);
  const auto found =
      std::lower_bound(rules_.begin(), rules_.end(), pair,
                       [](const Rule& rule, std::uint64_t p) { return rule.pair < p; });
  return found == rules_.end() || found->pair != pair ? nullptr : &*found;
}

void BpeMerges::Apply(std::vector<std::int32_t>* word) const {
  const auto count = static_cast<std::int32_t>(word->size());
  if (count < 2) return;
  std::vector<Symbol> symbols(word->size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](std::int32_t at) {  // the pair that starts at `at`
    if (at < 0 || symbols[at].next < 0) return;
    const Rule* rule = Find(symbols[at].id, symbols[symbols[at].next].id);
    if (rule != nullptr) queue.push({rule->rank, at, rule->merged});
  };
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[i] = {(*word)[i], i - 1, i + 1 < count ? i + 1 : -1, false};
  }
  for (std::int32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.at];
    if (left.gone || left.next < 0) continue;
    Symbol& right = symbols[left.next];
    const Rule* rule = Find(left.id, right.id);
    if (rule == nullptr || rule->merged != best.merged) continue;
    left.id = best.merged;
    right.gone = true;
    left.next = right.next;
    if (left.next >= 0) symbols[left.next].previous = best.at;
    offer(left.previous);
    offer(best.at);
  }
  word->clear();
  for (std::int32_t i = 0; i >= 0; i = symbols[i].next) word->push_back(symbols[i].id);
}

}  // namespace espy::encoders
