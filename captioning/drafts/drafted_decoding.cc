#include "captioning/drafts/drafted_decoding.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/status_macros.h"
#include "captioning/drafts/acceptance.h"
#include "captioning/drafts/tree_choice.h"

namespace espy::captioning {

namespace {

class Loop {
 public:
  Loop(const TextDecoder& decoder, std::span<DraftedText> texts, KvCache* cache, CrossCache* cross,
       DecoderOutput* out, Speculation* speculation)
      : decoder_(decoder), cache_(cache), cross_(cross), out_(out), speculation_(speculation) {
    for (DraftedText& text : texts) {
      ESPY_CHECK(!text.tokens.empty(), "a text begins with a token");
      texts_.push_back({.text = &text});
    }
  }

  Status Run() {
    for (Ongoing& one : texts_) {
      if (one.text->drafter == nullptr) continue;
      if (!one.text->drafter->Begin(one.text->picture).ok()) FailDraft(&one);
    }
    std::erase_if(texts_, [&](const Ongoing& one) { return Full(one.text->tokens, *one.text); });
    while (!texts_.empty()) {
      ESPY_RETURN_IF_ERROR(Pass());
      std::erase_if(texts_, [&](const Ongoing& one) { return Done(one.text->tokens, *one.text); });
    }
    return Status::Ok();
  }

 private:
  struct Ongoing {
    DraftedText* text;
    DraftTree tree;             // of this pass
    std::vector<int> origin;    // of its nodes: their numbers in what the drafter proposed
    bool asked = false;         // the drafter, for this pass
    std::vector<float> hidden;  // [rows, width]: what the drafter has not been shown
    // Rows of this pass: tokens that were not read, then the tree.
    std::int32_t first_row = 0;
    std::int32_t chain = 0;
    std::int32_t first_logits = 0;
  };

  void FailDraft(Ongoing* one) {
    one->text->drafter = nullptr;
    one->tree.Clear();
    ++speculation_->counters().failed_drafts;
  }

  bool Full(std::span<const std::int32_t> tokens, const DraftedText& text) const {
    return static_cast<std::int64_t>(tokens.size()) >=
           std::min(text.max_tokens, decoder_.config().context);
  }
  bool Done(std::span<const std::int32_t> tokens, const DraftedText& text) const {
    return Full(tokens, text) || text.done(tokens);
  }

  void Draft(Ongoing* one) {
    DraftedText& text = *one->text;
    one->tree.Clear();
    one->asked = false;
    const auto size = static_cast<std::int64_t>(text.tokens.size());
    // The last token of a text is chosen, not read: nothing is drafted in its place.
    const std::int64_t depth = std::min(text.max_tokens, decoder_.config().context) - size - 1;
    if (text.drafter == nullptr || depth < 1) return;
    const std::int64_t width = decoder_.config().width;
    DraftContext context;
    context.tokens = text.tokens;
    context.hidden = one->hidden.data();
    context.rows = static_cast<std::int64_t>(one->hidden.size()) / width;
    context.nodes = speculation_->Budget();
    context.depth = static_cast<int>(std::min<std::int64_t>(depth, DraftTree::kMaxNodes));
    // Rejection draws by the random numbers that a guess would look at.
    if (text.guess &&
        speculation_->options().acceptance == SpeculationOptions::Acceptance::kExact) {
      context.guess = [&text](int ahead, const float* logits) {
        return text.guess(ahead - 1, logits);
      };
    }
    DraftTree tree;
    if (!text.drafter->Propose(context, &tree).ok()) return FailDraft(one);
    one->hidden.clear();
    one->asked = true;
    std::vector<int> usable;
    std::vector<double> reaches;
    for (const int node : BestNodes(tree, DraftTree::kMaxNodes)) {
      if (!Usable(tree, node, context.depth, usable)) continue;
      usable.push_back(node);
      reaches.push_back(tree.reach(node));
    }
    usable.resize(
        static_cast<std::size_t>(speculation_->Size(reaches, static_cast<int>(texts_.size()))));
    one->tree = Keep(tree, usable);
    // Keep orders nodes by depth, and else leaves them as they are given.
    one->origin = usable;
    std::stable_sort(one->origin.begin(), one->origin.end(),
                     [&](int a, int b) { return tree.depth(a) < tree.depth(b); });
  }

  // Whether a node may be verified: a drafter may propose anything.
  bool Usable(const DraftTree& tree, int node, int depth, const std::vector<int>& taken) const {
    const auto has = [&](int other) {
      return std::find(taken.begin(), taken.end(), other) != taken.end();
    };
    const int parent = tree.parent(node);
    if (parent != DraftTree::kRoot && !has(parent)) return false;
    if (tree.depth(node) > depth || tree.token(node) < 0 ||
        tree.token(node) >= decoder_.config().vocabulary) {
      return false;
    }
    // Of children that were drawn, only the first ones are draws from what they say.
    if (speculation_->options().acceptance != SpeculationOptions::Acceptance::kRejection ||
        tree.rank(node) == 0) {
      return true;
    }
    return has(tree.Children(parent)[static_cast<std::size_t>(tree.rank(node) - 1)]);
  }

  void AddRows(Ongoing* one) {
    const DraftedText& text = *one->text;
    const std::int64_t read = cache_->length(text.sequence);
    one->first_row = static_cast<std::int32_t>(tokens_.size());
    one->first_logits = static_cast<std::int32_t>(logit_rows_.size());
    const auto add = [&](std::int32_t token, std::int32_t parent) {
      tokens_.push_back(token);
      parents_.push_back(parent);
      sequences_.push_back(text.sequence);
      return static_cast<std::int32_t>(tokens_.size()) - 1;
    };
    std::int32_t last = -1;
    for (auto i = static_cast<std::size_t>(read); i < text.tokens.size(); ++i) {
      last = add(text.tokens[i], last);
    }
    one->chain = last - one->first_row + 1;
    logit_rows_.push_back(last);
    for (int node = 0; node < one->tree.size(); ++node) {
      const int parent = one->tree.parent(node);
      logit_rows_.push_back(
          add(one->tree.token(node), parent == DraftTree::kRoot ? last : last + 1 + parent));
    }
  }

  const float* Logits(const Ongoing& one, int node) const {
    return out_->logits + (one.first_logits + 1 + node) * decoder_.config().vocabulary;
  }

  // Appends what holds to the text, keeps its rows, and tells the drafter.
  int Accept(Ongoing* one) {
    DraftedText& text = *one->text;
    const DraftTree& tree = one->tree;
    std::vector<std::int32_t> so_far;
    const auto after = [&](int node) -> std::span<const std::int32_t> {
      so_far = text.tokens;
      const std::vector<int> path = tree.Path(node);
      std::transform(path.begin(), path.end(), std::back_inserter(so_far),
                     [&](int step) { return tree.token(step); });
      return so_far;
    };
    const Choose choose = [&](int node) { return text.choose(after(node), Logits(*one, node)); };
    const Accepted accepted = Judge(*one, choose, after);
    if (text.taken) {
      int above = DraftTree::kRoot;
      for (const int node : accepted.path) {
        text.taken(tree.token(node), Logits(*one, above));
        above = node;
      }
      text.taken(accepted.next, Logits(*one, above));
    }

    ++text.passes;
    Count(tree, accepted);
    std::vector<std::int32_t> kept;
    for (std::int32_t row = 0; row < one->chain; ++row) kept.push_back(one->first_row + row);
    std::vector<std::int32_t> truth;
    for (const int node : accepted.path) {
      kept.push_back(one->first_row + one->chain + node);
      truth.push_back(tree.token(node));
    }
    truth.push_back(accepted.next);
    cache_->Keep(text.sequence, kept);
    text.tokens.insert(text.tokens.end(), truth.begin(), truth.end());
    if (text.drafter != nullptr) {
      if (one->asked) text.drafter->Observe(truth);
      const std::int64_t width = decoder_.config().width;
      for (const std::int32_t row : kept) {
        const float* hidden = out_->hidden + row * width;
        one->hidden.insert(one->hidden.end(), hidden, hidden + width);
      }
    }
    return static_cast<int>(truth.size());
  }

  template <class After>
  Accepted Judge(const Ongoing& one, const Choose& choose, const After& after) {
    using Acceptance = SpeculationOptions::Acceptance;
    const DraftedText& text = *one.text;
    const Acceptance acceptance = speculation_->options().acceptance;
    std::vector<std::int32_t> ending = text.tokens;
    const Ends ends = [&](std::int32_t token, int) {
      ending.push_back(token);
      return Done(ending, text);
    };
    if (acceptance == Acceptance::kExact) return AcceptExact(one.tree, choose, ends);

    ESPY_CHECK(text.probabilities != nullptr, "these kinds of acceptance look at probabilities");
    std::vector<float> p;
    const Target target = [&](int node) {
      p = text.probabilities(after(node), Logits(one, node));
      return std::span<const float>(p);
    };
    if (acceptance == Acceptance::kRejection) {
      ESPY_CHECK(text.uniform != nullptr, "rejection draws random numbers");
      const Proposal proposal = [&](int node) {
        if (text.drafter == nullptr || !one.asked) return std::span<const float>();
        return text.drafter->Proposal(
            node == DraftTree::kRoot ? node : one.origin[static_cast<std::size_t>(node)]);
      };
      return AcceptByRejection(one.tree, target, proposal, text.uniform, ends);
    }
    const Accepted accepted = AcceptTypical(one.tree, target, speculation_->options().typical,
                                            choose, [](std::int32_t, int) { return false; });
    // An end within the path cuts it there.
    for (std::size_t i = 0; i < accepted.path.size(); ++i) {
      ending.push_back(one.tree.token(accepted.path[i]));
      if (!Done(ending, text)) continue;
      const auto cut = accepted.path.begin() + static_cast<std::ptrdiff_t>(i);
      return {.path = {accepted.path.begin(), cut}, .next = ending.back()};
    }
    return accepted;
  }

  void Count(const DraftTree& tree, const Accepted& accepted) {
    SpeculationCounters& counters = speculation_->counters();
    counters.drafted_rows += tree.size();
    counters.accepted_rows += static_cast<std::int64_t>(accepted.path.size());
    for (std::size_t depth = 0; depth < SpeculationCounters::kDepths; ++depth) {
      const int above = depth == 0 ? DraftTree::kRoot : accepted.path[depth - 1];
      if (tree.Children(above).empty()) break;
      ++counters.tried[depth];
      if (depth >= accepted.path.size()) {
        // Of a draft that ends the text, the end is what was chosen: it held too.
        counters.held[depth] += tree.Child(above, accepted.next) != DraftTree::kRoot ? 1 : 0;
        break;
      }
      ++counters.held[depth];
    }
  }

  Status Pass() {
    tokens_.clear();
    parents_.clear();
    sequences_.clear();
    logit_rows_.clear();
    const auto texts = static_cast<int>(texts_.size());
    const double start = speculation_->Now();
    const bool drafts = speculation_->Drafts(texts);
    bool asked = false;
    bool prompts = false;
    for (Ongoing& one : texts_) {
      one.asked = false;
      one.tree.Clear();
      if (drafts) Draft(&one);
      asked = asked || one.asked;
      AddRows(&one);
      prompts = prompts || cache_->length(one.text->sequence) == 0;
    }
    const double drafted = speculation_->Now();
    DecoderInput in;
    in.tokens = tokens_;
    in.parents = parents_;
    in.sequences = sequences_;
    in.logit_rows = logit_rows_;
    ESPY_RETURN_IF_ERROR(decoder_.Forward(in, cache_, cross_, out_));
    const double passed = speculation_->Now();
    int taken = 0;
    for (Ongoing& one : texts_) taken += Accept(&one);
    // A prompt's rows are not those of a step.
    if (!prompts) {
      speculation_->Observe(texts, static_cast<int>(tokens_.size()), asked, drafted - start,
                            passed - drafted, taken);
    }
    return Status::Ok();
  }

  const TextDecoder& decoder_;
  KvCache* cache_;
  CrossCache* cross_;
  DecoderOutput* out_;
  Speculation* speculation_;
  std::vector<Ongoing> texts_;                                           // those that are not done
  std::vector<std::int32_t> tokens_, parents_, sequences_, logit_rows_;  // of the pass
};

}  // namespace

Status DecodeDrafted(const TextDecoder& decoder, std::span<DraftedText> texts, KvCache* cache,
                     CrossCache* cross, DecoderOutput* out, Speculation* speculation) {
  return Loop(decoder, texts, cache, cross, out, speculation).Run();
}

}  // namespace espy::captioning
