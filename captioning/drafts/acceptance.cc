#include "captioning/drafts/acceptance.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace espy::captioning {

Accepted AcceptExact(const DraftTree& tree, const Choose& choose, const Ends& ends) {
  Accepted accepted;
  int at = DraftTree::kRoot;
  while (true) {
    accepted.next = choose(at);
    const int taken = static_cast<int>(accepted.path.size()) + 1;
    if (ends(accepted.next, taken)) return accepted;
    at = tree.Child(at, accepted.next);
    if (at == DraftTree::kRoot) return accepted;
    accepted.path.push_back(at);
  }
}

std::int32_t DrawWeighted(std::span<const float> weights, double u) {
  double sum = 0;
  for (const float weight : weights) sum += weight;
  const double at = u * sum;
  double below = 0;
  std::int32_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    below += weights[i];
    last = static_cast<std::int32_t>(i);
    if (at < below) break;
  }
  return last;
}

std::vector<std::int32_t> DrawWithoutReplacement(std::span<const float> proposal, int count,
                                                 const Uniform& uniform) {
  std::vector<float> left(proposal.begin(), proposal.end());
  std::vector<std::int32_t> drawn;
  while (static_cast<int>(drawn.size()) < count &&
         std::any_of(left.begin(), left.end(), [](float weight) { return weight > 0; })) {
    drawn.push_back(DrawWeighted(left, uniform()));
    left[static_cast<std::size_t>(drawn.back())] = 0;
  }
  return drawn;
}

namespace {

// Target and proposal at one node, as its children are tried one after another.
class Remainders {
 public:
  Remainders(std::span<const float> target, std::span<const float> proposal)
      : p_(target.begin(), target.end()), q_(proposal.begin(), proposal.end()) {
    p_sum_ = Sum(p_);
    q_sum_ = Sum(q_);
  }

  // Whether the child is accepted; if not, both become what is left.
  bool Try(std::int32_t token, double u) {
    const auto x = static_cast<std::size_t>(token);
    ESPY_CHECK(x < p_.size(), "a draft's token is in the vocabulary");
    if (q_.empty()) {  // certain to be proposed: q is 1 at the token
      if (u * p_sum_ < p_[x]) return true;
      p_[x] = 0;
      p_sum_ = Sum(p_);
      return false;
    }
    ESPY_CHECK(q_[x] > 0, "a drawn draft has a chance to be drawn");
    const double p = p_[x] / p_sum_;
    const double q = q_[x] / q_sum_;
    if (u * q < p) return true;
    for (std::size_t i = 0; i < p_.size(); ++i) {
      p_[i] = std::max(p_[i] / p_sum_ - q_[i] / q_sum_, 0.0);
    }
    q_[x] = 0;
    p_sum_ = Sum(p_);
    q_sum_ = Sum(q_);
    return false;
  }

  // What is drawn once every child is rejected. Where rounding leaves nothing, p and q were the
  // same to the last bits, and a rejection all but impossible: any token of the target is right.
  std::int32_t Rest(std::span<const float> target, double u) const {
    if (p_sum_ <= 0) return DrawWeighted(target, u);
    double below = 0;
    std::int32_t last = 0;
    for (std::size_t i = 0; i < p_.size(); ++i) {
      if (p_[i] <= 0) continue;
      below += p_[i];
      last = static_cast<std::int32_t>(i);
      if (u * p_sum_ < below) break;
    }
    return last;
  }
  bool empty() const { return p_sum_ <= 0; }

 private:
  static double Sum(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  }
  std::vector<double> p_;
  std::vector<double> q_;  // empty: drafts without chance
  double p_sum_ = 0;
  double q_sum_ = 0;
};

}  // namespace

Accepted AcceptByRejection(const DraftTree& tree, const Target& target, const Proposal& proposal,
                           const Uniform& uniform, const Ends& ends) {
  Accepted accepted;
  int at = DraftTree::kRoot;
  while (true) {
    const std::span<const float> p = target(at);
    Remainders left(p, proposal(at));
    int right = DraftTree::kRoot;
    for (const int child : tree.Children(at)) {
      if (left.empty()) break;
      if (left.Try(tree.token(child), uniform())) {
        right = child;
        break;
      }
    }
    accepted.next = right == DraftTree::kRoot ? left.Rest(p, uniform()) : tree.token(right);
    const int taken = static_cast<int>(accepted.path.size()) + 1;
    if (right == DraftTree::kRoot || ends(accepted.next, taken)) return accepted;
    accepted.path.push_back(right);
    at = right;
  }
}

Accepted AcceptTypical(const DraftTree& tree, const Target& target, const TypicalOptions& options,
                       const Choose& choose, const Ends& ends) {
  // Parents come first, so that one pass knows each node's parent to be accepted or not.
  std::vector<double> logs(static_cast<std::size_t>(tree.size()), 0);
  std::vector<char> good(static_cast<std::size_t>(tree.size()), 0);
  int best = DraftTree::kRoot;
  for (int parent = DraftTree::kRoot; parent < tree.size(); ++parent) {
    if (parent != DraftTree::kRoot && (good[static_cast<std::size_t>(parent)] == 0 ||
                                       ends(tree.token(parent), tree.depth(parent)))) {
      continue;
    }
    const std::vector<int> children = tree.Children(parent);
    if (children.empty()) continue;
    const std::span<const float> p = target(parent);
    double entropy = 0;
    for (const float value : p) entropy -= value * std::log(value + 1e-5);
    const double bar = std::min(options.epsilon, options.delta * std::exp(-entropy));
    const double above = parent == DraftTree::kRoot ? 0 : logs[static_cast<std::size_t>(parent)];
    for (const int child : children) {
      const double chance = p[static_cast<std::size_t>(tree.token(child))];
      if (chance <= bar) continue;
      const auto c = static_cast<std::size_t>(child);
      good[c] = 1;
      logs[c] = above + std::log(chance);
      if (best == DraftTree::kRoot || tree.depth(child) > tree.depth(best) ||
          (tree.depth(child) == tree.depth(best) &&
           logs[c] > logs[static_cast<std::size_t>(best)])) {
        best = child;
      }
    }
  }
  Accepted accepted;
  accepted.path = tree.Path(best);
  if (best != DraftTree::kRoot && ends(tree.token(best), tree.depth(best))) {
    accepted.path.pop_back();
    accepted.next = tree.token(best);
    return accepted;
  }
  accepted.next = choose(best);
  return accepted;
}

}  // namespace espy::captioning
