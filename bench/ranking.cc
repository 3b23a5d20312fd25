// How learners of orders do with simulated users, as JSON lines: nDCG@10 on queries that none of
// them learned from, at checkpoints, and regret on the pages that they showed; means over runs with
// 95 % intervals. Seeds are printed.
//   ranking [--user pbm|cascade|dcm|ubm] [--severity 1] [--sessions 100000] [--runs 20] [--seed 1]
//           [--learners similarity,pdgd,...]
//   ranking --dump FOLDER      the queries of every run as text, for ranking_peers.py
//   ranking --data FOLDER ...  with queries of a folder that is laid out so (ranking_pictures.py)
// A session is one query, drawn from 500 of 30 documents with 12 features, and one page of ten.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "ranking/examination.h"
#include "ranking/methods/linear_bandit.h"
#include "ranking/methods/listwise.h"
#include "ranking/methods/network.h"
#include "ranking/methods/pdgd.h"
#include "ranking/methods/policy_gradient.h"
#include "ranking/order.h"
#include "ranking/plackett_luce.h"
#include "ranking/simulate.h"
#include "ranking/team_draft.h"

namespace espy::ranking {
namespace {

constexpr std::size_t kQueries = 500, kHeldOut = 200, kDocuments = 30, kColumns = 12, kSlots = 10;
constexpr double kStart = 4;  // of the similarity column: pages begin in similarity order, nearly

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "ranking: " << why << "\n";
  std::exit(2);
}

std::vector<double> StartWeights() {
  std::vector<double> weights(kColumns);
  weights[0] = kStart;
  return weights;
}

std::vector<float> LinearScores(const FeatureRows& rows, const std::vector<double>& weights) {
  std::vector<float> scores(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double score = 0;
    for (std::size_t a = 0; a < weights.size(); ++a) score += weights[a] * rows[i][a];
    scores[i] = static_cast<float>(score);
  }
  return scores;
}

// Shows pages and learns from what is clicked.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) = 0;
  virtual void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
                     const std::vector<bool>& clicked) = 0;
  // The order without exploring.
  virtual std::vector<std::uint32_t> Best(const FeatureRows& rows) = 0;
};

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

// The same with all products of two features as well: 91 columns.
std::vector<float> WithProducts(std::span<const float> row) {
  std::vector<float> wide(row.begin(), row.end());
  for (std::size_t a = 0; a < row.size(); ++a) {
    for (std::size_t b = a; b < row.size(); ++b) wide.push_back(row[a] * row[b]);
  }
  return wide;
}
class PdgdProducts final : public Learner {
 public:
  std::vector<std::uint32_t> Show(const FeatureRows& rows, Random* random) override {
    return DrawPlackettLuce(Scores(rows), kSlots, 1, random).shown;
  }
  void Learn(const FeatureRows& rows, const std::vector<std::uint32_t>& shown,
             const std::vector<bool>& clicked) override {
    const std::vector<float> scores = Scores(rows);
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
    return OrderByScore(Scores(rows));
  }

 private:
  std::vector<float> Scores(const FeatureRows& rows) const {
    std::vector<float> scores;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::vector<float> wide = WithProducts(rows[i]);
      double score = 0;
      for (std::size_t a = 0; a < wide.size(); ++a) score += weights_[a] * wide[a];
      scores.push_back(static_cast<float>(score));
    }
    return scores;
  }
  static std::vector<double> Start() {
    std::vector<double> weights(kColumns + kColumns * (kColumns + 1) / 2);
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
// half. `severity` of the correction; 0: clicks as they are.
class Logged final : public Learner {
 public:
  explicit Logged(double severity) : examination_(PositionExamination(kSlots, severity)) {}
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
    weights_ = LearnListwise(log_, {.prior = prior_, .ridge = 10});
  }
  std::vector<std::uint32_t> Best(const FeatureRows& rows) override {
    return OrderByScore(LinearScores(rows, weights_));
  }

 private:
  static constexpr std::size_t kMostLogged = 20'000;
  static std::vector<double> Prior() {
    std::vector<double> weights(kColumns);
    weights[0] = 1;
    return weights;
  }
  std::vector<double> examination_;
  std::vector<double> prior_ = Prior(), weights_ = prior_;
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

std::unique_ptr<Learner> MakeLearner(const std::string& name) {
  if (name == "similarity") return std::make_unique<Similarity>();
  if (name == "pdgd") return std::make_unique<Pdgd>();
  if (name == "pdgd-guarded") return std::make_unique<Guarded>(std::make_unique<Pdgd>());
  if (name == "pdgd-products") return std::make_unique<PdgdProducts>();
  if (name == "pdgd-network") return std::make_unique<PdgdNetwork>();
  if (name == "reinforce") return std::make_unique<Reinforce>();
  if (name == "listwise") return std::make_unique<Logged>(1);
  if (name == "naive") return std::make_unique<Logged>(0);
  if (name == "linucb") return std::make_unique<Bandit>(LinearBandit::Kind::kUcb);
  if (name == "thompson") return std::make_unique<Bandit>(LinearBandit::Kind::kThompson);
  Die("no learner " + name);
}

struct Settings {
  UserKind user = UserKind::kPbm;
  double severity = 1;
  std::uint64_t sessions = 100'000;
  int runs = 20;
  std::uint64_t seed = 1;
  std::string learners =
      "similarity,pdgd,pdgd-guarded,pdgd-products,pdgd-network,reinforce,listwise,naive,linucb,"
      "thompson";
  std::string dump;
  std::string data;  // "": made queries
};

std::vector<std::uint64_t> Checkpoints(std::uint64_t sessions) {
  std::vector<std::uint64_t> at{0};
  for (std::uint64_t n = 100; n <= sessions; n *= 10) {
    at.push_back(n);
    if (3 * n <= sessions) at.push_back(3 * n);
  }
  return at;
}

// "mean", "half the 95 % interval" of columns of runs.
std::string Summary(const std::vector<std::vector<double>>& runs) {
  std::ostringstream means, halves;
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    double sum = 0, squares = 0;
    for (const auto& run : runs) sum += run[i];
    const double n = static_cast<double>(runs.size()), mean = sum / n;
    for (const auto& run : runs) squares += (run[i] - mean) * (run[i] - mean);
    const double half = n > 1 ? 1.96 * std::sqrt(squares / (n - 1) / n) : 0;
    means << (i == 0 ? "" : ", ") << mean;
    halves << (i == 0 ? "" : ", ") << half;
  }
  return "\"mean\": [" + means.str() + "], \"half\": [" + halves.str() + "]";
}

// The queries of one side of a run: of the folder, one document a line (grade, features), or made.
MadeQueries QueriesOf(const Settings& settings, int run, bool held) {
  const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
  if (settings.data.empty()) {
    return MakeQueries(held ? kHeldOut : kQueries, kDocuments, kColumns, world,
                       2 * world + (held ? 1 : 0));
  }
  const std::string path =
      settings.data + "/" + std::to_string(run) + (held ? "-held.txt" : "-learn.txt");
  std::ifstream in(path);
  if (!in) Die("cannot read " + path);
  MadeQueries made;
  made.schema = {.name = "read", .version = 1, .columns = std::vector<std::string>(kColumns)};
  made.documents = kDocuments;
  for (int grade = 0; in >> grade;) {
    if (grade < 0 || grade >= kGrades) Die("a grade outside 0 to 4 in " + path);
    if (made.grades.empty() || made.grades.back().size() == kDocuments) {
      made.grades.emplace_back();
      made.features.emplace_back();
    }
    made.grades.back().push_back(grade);
    for (std::size_t a = 0; a < kColumns; ++a) {
      float x = 0;
      if (!(in >> x)) Die("a line with less than a grade and 12 features in " + path);
      made.features.back().push_back(x);
    }
  }
  if (made.grades.empty() || made.grades.back().size() != kDocuments) {
    Die("no whole queries of 30 documents in " + path);
  }
  return made;
}

void Run(const Settings& settings, const std::string& name) {
  const std::vector<std::uint64_t> checkpoints = Checkpoints(settings.sessions);
  std::vector<std::vector<double>> quality, regret;
  double worst = 0;  // of any checkpoint of any run, against similarity order's nDCG there
  int below = 0;     // checkpoints more than 1 % under it
  const User user(settings.user, settings.severity);
  for (int run = 0; run < settings.runs; ++run) {
    const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
    const MadeQueries learn = QueriesOf(settings, run, false);
    const MadeQueries held_out = QueriesOf(settings, run, true);
    const std::size_t judges = held_out.grades.size();
    const auto quality_of = [&](Learner* ranks) {
      double sum = 0;
      for (std::size_t q = 0; q < judges; ++q) {
        sum += Ndcg(ranks->Best(held_out.rows(q)), held_out.grades[q], kSlots);
      }
      return sum / static_cast<double>(judges);
    };
    Similarity similarity;
    const double similar = quality_of(&similarity);
    const std::unique_ptr<Learner> learner = MakeLearner(name);
    Random random(world * 7919);
    double lost = 0;
    std::vector<double> at, lost_at;
    for (std::uint64_t session = 0; session <= settings.sessions; ++session) {
      if (std::find(checkpoints.begin(), checkpoints.end(), session) != checkpoints.end()) {
        at.push_back(quality_of(learner.get()));
        worst = std::min(worst, at.back() / similar - 1);
        below += at.back() < 0.99 * similar ? 1 : 0;
        lost_at.push_back(lost);
      }
      const std::size_t q = random.Below(learn.grades.size());
      std::vector<std::uint32_t> shown = learner->Show(learn.rows(q), &random);
      shown.resize(std::min(shown.size(), kSlots));
      std::vector<int> grades;
      for (const std::uint32_t c : shown) grades.push_back(learn.grades[q][c]);
      lost += 1 - Ndcg(shown, learn.grades[q], kSlots);
      learner->Learn(learn.rows(q), shown, user.Visit(grades, &random));
    }
    quality.push_back(at);
    regret.push_back(lost_at);
  }
  std::ostringstream points;
  for (const std::uint64_t n : checkpoints) points << (n == 0 ? "" : ", ") << n;
  std::printf(
      "{\"learner\": \"%s\", \"user\": \"%s\", \"severity\": %g, \"runs\": %d, \"seeds\": \"%llu "
      "to "
      "%llu\", \"worst_against_similarity\": %g, \"checkpoints_below\": %d, \"sessions\": [%s], "
      "\"ndcg\": {%s}, \"regret\": {%s}}\n",
      name.c_str(), std::string(UserKindName(settings.user)).c_str(), settings.severity,
      settings.runs, static_cast<unsigned long long>(settings.seed),
      static_cast<unsigned long long>(settings.seed) +
          static_cast<unsigned long long>(settings.runs) - 1,
      worst, below, points.str().c_str(), Summary(quality).c_str(), Summary(regret).c_str());
  std::fflush(stdout);
}

void Dump(const Settings& settings) {
  for (int run = 0; run < settings.runs; ++run) {
    const std::uint64_t world = settings.seed + static_cast<std::uint64_t>(run);
    for (const bool held : {false, true}) {
      std::ofstream out(settings.dump + "/" + std::to_string(run) + (held ? "-held" : "-learn") +
                        ".txt");
      const MadeQueries made = MakeQueries(held ? kHeldOut : kQueries, kDocuments, kColumns, world,
                                           2 * world + (held ? 1 : 0));
      for (std::size_t q = 0; q < made.features.size(); ++q) {
        for (std::size_t i = 0; i < kDocuments; ++i) {
          out << made.grades[q][i];
          for (const float x : made.rows(q)[i]) out << " " << x;
          out << "\n";
        }
      }
    }
  }
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--user") {
      bool found = false;
      for (const auto kind : {UserKind::kPbm, UserKind::kCascade, UserKind::kDcm, UserKind::kUbm}) {
        if (value != UserKindName(kind)) continue;
        settings.user = kind;
        found = true;
      }
      if (!found) Die("no user " + value);
    } else if (flag == "--severity") {
      settings.severity = std::atof(value.c_str());
    } else if (flag == "--sessions") {
      settings.sessions = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    } else if (flag == "--runs") {
      settings.runs = std::max(1, std::atoi(value.c_str()));
    } else if (flag == "--seed") {
      settings.seed = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    } else if (flag == "--learners") {
      settings.learners = value;
    } else if (flag == "--dump") {
      settings.dump = value;
    } else if (flag == "--data") {
      settings.data = value;
    } else {
      Die("unknown flag " + flag);
    }
  }
  return settings;
}

}  // namespace
}  // namespace espy::ranking

int main(int argc, char** argv) {
  const espy::ranking::Settings settings = espy::ranking::Parse(argc, argv);
  if (!settings.dump.empty()) {
    espy::ranking::Dump(settings);
    return 0;
  }
  std::istringstream names(settings.learners);
  for (std::string name; std::getline(names, name, ',');) espy::ranking::Run(settings, name);
}
