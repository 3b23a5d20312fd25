#include "bench/ranking_learners.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "ranking/examination.h"
#include "ranking/linear_policy.h"
#include "ranking/methods/linear_bandit.h"
#include "ranking/methods/listwise.h"
#include "ranking/methods/network.h"
#include "ranking/methods/pdgd.h"
#include "ranking/methods/policy_gradient.h"
#include "ranking/methods/proven_bandit.h"
#include "ranking/order.h"
#include "ranking/plackett_luce.h"
#include "ranking/products.h"
#include "ranking/team_draft.h"

namespace espy::ranking {
namespace {

constexpr double kStart = 4;  // of the similarity column: pages begin in similarity order, nearly

std::vector<double> StartWeights() {
  std::vector<double> weights(kColumns);
  weights[0] = kStart;
  return weights;
}

class Similarity final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random*) override { return Best(rows); }
  void Learn(const FeatureRows&, const std::vector<std::uint32_t>&,
             const std::vector<bool>&) override {}
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    std::vector<std::uint32_t> order(rows.rows());
    std::iota(order.begin(), order.end(), 0u);
    return order;
  }
};

// PDGD's, by sessions: falling, as a stochastic gradient's must in the end.
double Step(std::uint64_t sessions) {
  return 0.1 / std::sqrt(1 + static_cast<double>(sessions) / 3000);
}

class Pdgd final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    return DrawPlackettLuce(LinearScores(rows, weights_), kSlots, 1, random).shown;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    const std::vector<double> gradient = PdgdGradient(rows, weights_, shown, clicked);
    const double step = Step(sessions_++);
    for (std::size_t a = 0; a < kColumns; ++a) weights_[a] += step * gradient[a];
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, weights_));
  }

 private:
  std::vector<double> weights_ = StartWeights();
  std::uint64_t sessions_ = 0;
};

// The same with all products of two features as well: 90 columns.
class PdgdProducts final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    return DrawPlackettLuce(LinearScores(rows, weights_), kSlots, 1, random).shown;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    const std::vector<float> scores = LinearScores(rows, weights_);
    const std::vector<double> coefficients =
        PdgdCoefficients(std::vector<double>(scores.begin(), scores.end()), shown, clicked);
    const double step = Step(sessions_++);
    for (std::size_t k = 0; k < shown.size(); ++k) {
      if (coefficients[k] == 0) continue;
      const std::vector<float> wide = WithProducts(rows[shown[k]]);
      for (std::size_t a = 0; a < wide.size(); ++a) weights_[a] += step * coefficients[k] * wide[a];
    }
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, weights_));
  }

 private:
  static std::vector<double> Start() {
    std::vector<double> weights(ProductColumns(kColumns));
    weights[0] = kStart;
    return weights;
  }
  std::vector<double> weights_ = Start();
  std::uint64_t sessions_ = 0;
};

// The same with a network's value beside a linear one.
class PdgdNetwork final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    const std::vector<double> scores = Scores(rows);
    return DrawPlackettLuce(std::vector<float>(scores.begin(), scores.end()), kSlots, 1, random)
        .shown;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    const std::vector<double> coefficients = PdgdCoefficients(Scores(rows), shown, clicked);
    const double step = Step(sessions_++);
    for (std::size_t k = 0; k < shown.size(); ++k) {
      if (coefficients[k] == 0) continue;
      const std::vector<double> x(rows[shown[k]].begin(), rows[shown[k]].end());
      const std::vector<double> gradient = network_.Gradient(x);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        network_.weights()[i] += step * coefficients[k] * gradient[i];
      }
      for (std::size_t a = 0; a < kColumns; ++a) linear_[a] += step * coefficients[k] * x[a];
    }
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    const std::vector<double> scores = Scores(rows);
    return OrderByScore(std::vector<float>(scores.begin(), scores.end()));
  }

 private:
  std::vector<double> Scores(const FeatureRows& rows) const {
    std::vector<double> scores;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::vector<double> x(rows[i].begin(), rows[i].end());
      double score = network_.Value(x);
      for (std::size_t a = 0; a < kColumns; ++a) score += linear_[a] * x[a];
      scores.push_back(score);
    }
    return scores;
  }
  Random random_{9};
  Network network_{kColumns, 32, &random_};
  std::vector<double> linear_ = StartWeights();
  std::uint64_t sessions_ = 0;
};

class Reinforce final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    return policy_.Draw(rows, random).shown;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    const std::vector<double> rewards(clicked.begin(), clicked.end());
    policy_.Learn(rows, shown, rewards);
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, policy_.weights()));
  }

 private:
  PolicyGradient policy_{
      StartWeights(), kSlots, {.step = 0.005, .baseline_step = 0.01, .discount = 0.8}};
};

// What the library does: pages by the order in use, learned anew from the log when it has grown by
// half. `severity` of the correction; 0: clicks as they are. With `products` the products of the
// features too, as soon as there are 20 clicked pages a weight.
class Logged final : public Learner {
 public:
  Logged(double severity, bool products)
      : examination_(PositionExamination(kSlots, severity)), products_(products) {}
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random*) override {
    std::vector<std::uint32_t> order = Best(rows);
    order.resize(kSlots);
    return order;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    ListwisePage page{rows, std::vector<double>(rows.rows())};
    bool any = false;
    for (std::size_t k = 0; k < shown.size(); ++k) {
      if (!clicked[k]) continue;
      page.gains[shown[k]] = std::min(1 / examination_[k], 10.0);
      any = true;
    }
    ++sessions_;
    if (any) log_.push_back(std::move(page));
    if (log_.size() > kMostLogged) log_.erase(log_.begin(), log_.begin() + kMostLogged / 4);
    if (sessions_ < next_) return;
    next_ = sessions_ + sessions_ / 2;
    std::vector<double> prior = Prior();
    if (products_ && log_.size() >= kPagesAWeight * ProductColumns(kColumns)) {
      prior.resize(ProductColumns(kColumns));
    }
    weights_ = LearnListwise(log_, {.prior = prior, .ridge = 10});
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, weights_));
  }

 private:
  static constexpr std::size_t kPagesAWeight = 20;
  static constexpr std::size_t kMostLogged = 20'000;
  static std::vector<double> Prior() {
    std::vector<double> weights(kColumns);
    weights[0] = 1;
    return weights;
  }
  const std::vector<double> examination_;
  const bool products_;
  std::vector<double> weights_ = Prior();
  std::vector<ListwisePage> log_;
  std::uint64_t sessions_ = 0, next_ = 300;
};

class Bandit final : public Learner {
 public:
  explicit Bandit(LinearBandit::Kind kind) : bandit_(kColumns, {.kind = kind, .width = 0.3}) {}
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    std::vector<std::uint32_t> order = OrderByScore(bandit_.Scores(rows, random));
    order.resize(kSlots);
    return order;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    for (std::size_t k = 0; k < shown.size(); ++k) {
      bandit_.Learn(rows[shown[k]], clicked[k] ? 1 : 0);
    }
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, bandit_.Theta()));
  }

 private:
  LinearBandit bandit_;
};

// A learner that has to prove itself: similarity order ranks until team drafts say, with chance to
// explain it in fewer than one case in a hundred, that the learner's order is liked better; and
// again once they say the opposite. Before the switch a half of the pages are similarity order.
class Guarded final : public Learner {
 public:
  explicit Guarded(std::unique_ptr<Learner> learner) : learner_(std::move(learner)) {}

  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    page_ = Page::kOther;
    const double u = random->Uniform();
    if (u < (on_ ? 0.05 : 0.25)) {
      page_ = Page::kDuel;
      DraftedPage drafted = DrawTeams(learner_->Best(rows), similarity_.Best(rows), kSlots, random);
      teams_ = std::move(drafted.teams);
      return std::move(drafted.shown);
    }
    if (!on_ && u < 0.75) return similarity_.Show(rows, random);
    page_ = Page::kOwn;
    return learner_->Show(rows, random);
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    if (page_ == Page::kOwn) learner_->Learn(rows, shown, clicked);
    if (page_ != Page::kDuel) return;
    duel_.Add(teams_, std::vector<double>(clicked.begin(), clicked.end()));
    // Looks are few, so that each keeps its meaning: after 50, 100, 200 ... decided pages; then
    // what is older is forgotten, since the learner moves on.
    if (duel_.wins + duel_.losses < next_) return;
    const Duel reversed{.wins = duel_.losses, .losses = duel_.wins};
    const bool wins = reversed.ChanceOfSoFewWins() < 0.01;
    if (wins || duel_.ChanceOfSoFewWins() < 0.01) on_ = wins;
    if (on_) {
      duel_ = {};
      next_ = 200;
    } else {
      if (next_ >= 1600) duel_ = {};
      next_ = next_ >= 1600 ? 50 : 2 * next_;
    }
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return on_ ? learner_->Best(rows) : similarity_.Best(rows);
  }

 private:
  enum class Page { kOwn, kDuel, kOther };
  std::unique_ptr<Learner> learner_;
  Similarity similarity_;
  bool on_ = false;
  Page page_ = Page::kOther;
  std::string teams_;
  Duel duel_;
  std::uint64_t next_ = 50;
};

// Until it has proved itself it shares pages with similarity order (proven_bandit.h).
class Proven final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    return bandit_.Show(Name(rows), rows, random);
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    bandit_.Learn(Name(rows), rows, shown, std::vector<double>(clicked.begin(), clicked.end()));
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override { return bandit_.Best(rows); }

 private:
  // A question is the same when its first candidates' features are.
  static std::uint64_t Name(const FeatureRows& rows) {
    std::uint64_t name = 0;
    for (const float x : rows[0]) name = Random(name ^ std::bit_cast<std::uint32_t>(x)).Next();
    return name;
  }
  static std::vector<double> Prior() {
    std::vector<double> prior(kColumns);
    prior[0] = 0.1;
    return prior;
  }
  static ProvenBandit::Options Opt() {
    ProvenBandit::Options o;
    if (const char* e = std::getenv("W")) o.width = std::atof(e);
    if (const char* e = std::getenv("R")) o.ridge = std::atof(e);
    if (const char* e = std::getenv("S")) o.severity = std::atof(e);
    if (const char* e = std::getenv("P")) o.proof = std::atof(e);
    return o;
  }
  ProvenBandit bandit_{Prior(), Opt()};
};

}  // namespace

std::unique_ptr<Learner> MakeLearner(const std::string& name) {
  if (name == "similarity") return std::make_unique<Similarity>();
  if (name == "pdgd") return std::make_unique<Pdgd>();
  if (name == "pdgd-guarded") return std::make_unique<Guarded>(std::make_unique<Pdgd>());
  if (name == "pdgd-products") return std::make_unique<PdgdProducts>();
  if (name == "pdgd-network") return std::make_unique<PdgdNetwork>();
  if (name == "reinforce") return std::make_unique<Reinforce>();
  if (name == "listwise") return std::make_unique<Logged>(1, false);
  if (name == "listwise-products") return std::make_unique<Logged>(1, true);
  if (name == "naive") return std::make_unique<Logged>(0, false);
  if (name == "linucb") return std::make_unique<Bandit>(LinearBandit::Kind::kUcb);
  if (name == "proven") return std::make_unique<Proven>();
  if (name == "thompson") return std::make_unique<Bandit>(LinearBandit::Kind::kThompson);
  return nullptr;
}

}  // namespace espy::ranking
