#include "captioning/drafts/continuations.h"

#include <algorithm>
#include <map>
#include <queue>

namespace espy::captioning {

namespace {

struct Place {  // in texts[text], the first token of a continuation
  std::size_t text;
  std::size_t at;
};

// How many tokens before `at` in the text are those that the context ends with.
int Match(const std::vector<std::int32_t>& text, std::size_t at,
          std::span<const std::int32_t> context, int longest) {
  int n = 0;
  while (n < longest && static_cast<std::size_t>(n) < at &&
         static_cast<std::size_t>(n) < context.size() &&
         text[at - 1 - static_cast<std::size_t>(n)] ==
             context[context.size() - 1 - static_cast<std::size_t>(n)]) {
    ++n;
  }
  return n;
}

// A node of the tree yet to be taken, and the places that vote for it.
struct Open {
  double reach;
  int order;  // of two that are alike the earlier
  int parent;
  std::int32_t token;
  double chance;
  std::vector<Place> voters;  // each at the token itself
  bool operator<(const Open& other) const {
    return reach != other.reach ? reach < other.reach : order > other.order;
  }
};

}  // namespace

int AddContinuations(std::span<const DraftText> texts, std::span<const std::int32_t> context,
                     int longest, int nodes, int depth, const AcceptanceTable& reliability,
                     DraftTree* tree) {
  int found = 0;
  std::vector<Place> places;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    for (std::size_t at = 1; at < texts[t].tokens.size(); ++at) {
      const int match = Match(texts[t].tokens, at, context, longest);
      if (match == 0 || match < found) continue;
      if (match > found) places.clear();
      found = match;
      places.push_back({t, at});
    }
  }
  if (found == 0) return 0;

  std::priority_queue<Open> open;
  int order = 0;
  const auto open_children = [&](int parent, int at_depth, double reach,
                                 const std::vector<Place>& here) {
    std::map<std::int32_t, std::pair<double, std::vector<Place>>> votes;
    double all = 0;
    for (const Place& place : here) {
      const DraftText& text = texts[place.text];
      all += text.weight;
      if (place.at >= text.tokens.size()) continue;
      auto& vote = votes[text.tokens[place.at]];
      vote.first += text.weight;
      vote.second.push_back(place);
    }
    for (auto& [token, vote] : votes) {
      const double chance = vote.first / all * reliability.Chance(at_depth, 0);
      if (chance <= 0) continue;
      open.push({reach * chance, order++, parent, token, chance, std::move(vote.second)});
    }
  };
  open_children(DraftTree::kRoot, 1, 1, places);
  for (int taken = 0; taken < nodes && !open.empty(); ++taken) {
    Open best = open.top();
    open.pop();
    const int node = tree->Add(best.parent, best.token, best.chance);
    if (node == DraftTree::kRoot) break;  // full
    if (tree->depth(node) >= depth) continue;
    for (Place& voter : best.voters) ++voter.at;
    open_children(node, tree->depth(node) + 1, best.reach, best.voters);
  }
  return found;
}

void ObserveAnyChild(const DraftTree& proposed, std::span<const std::int32_t> truth,
                     AcceptanceTable* reliability) {
  int at = DraftTree::kRoot;
  int depth = 1;
  for (const std::int32_t token : truth) {
    if (proposed.Children(at).empty()) return;
    at = proposed.Child(at, token);
    reliability->Observe(depth++, 0, at != DraftTree::kRoot);
    if (at == DraftTree::kRoot) return;
  }
}

}  // namespace espy::captioning
