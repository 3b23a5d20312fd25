#include "ranking/methods/proven_bandit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ranking/examination.h"
#include "ranking/order.h"
#include "ranking/products.h"
#include "ranking/team_draft.h"

namespace espy::ranking {
namespace {

constexpr std::uint64_t kFirstLook = 20;  // decided pages
constexpr double kLeastQuestions = 15;
constexpr std::uint64_t kKeptOneIn = 5;

std::vector<double> WithConstant(std::vector<double> prior) {
  prior.resize(ProductColumns(prior.size()));
  prior.push_back(0);
  return prior;
}

std::vector<float> Wide(std::span<const float> row) {
  std::vector<float> wide = WithProducts(row);
  wide.push_back(1);
  return wide;
}

std::vector<std::uint32_t> Similarity(std::size_t rows) {
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

}  // namespace

ProvenBandit::ProvenBandit(const std::vector<double>& prior, const Options& options)
    : options_(options),
      examination_(PositionExamination(options.slots, options.severity)),
      bandit_(ProductColumns(prior.size()) + 1, {.kind = LinearBandit::Kind::kThompson,
                                                 .width = options.width,
                                                 .ridge = options.ridge,
                                                 .prior = WithConstant(prior)}),
      next_look_(kFirstLook) {}

bool ProvenBandit::Kept(std::uint64_t question) {
  return Random(question).Next() % kKeptOneIn == 0;
}

std::vector<std::uint32_t> ProvenBandit::Own(const FeatureRows& rows, Random* random) const {
  std::vector<float> wide;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::vector<float> row = Wide(rows[i]);
    wide.insert(wide.end(), row.begin(), row.end());
  }
  const FeatureRows all(wide, rows.rows() == 0 ? 0 : wide.size() / rows.rows());
  return OrderByScore(random == nullptr ? bandit_.MeanScores(all) : bandit_.Scores(all, random));
}

std::vector<std::uint32_t> ProvenBandit::Best(const FeatureRows& rows) const {
  return proven_ ? Own(rows, nullptr) : Similarity(rows.rows());
}

std::vector<std::uint32_t> ProvenBandit::Show(std::uint64_t question, const FeatureRows& rows,
                                              Random* random) {
  teams_.clear();
  // Once it ranks, a kept question's page compares with such a chance that `compared` of all do.
  const bool compares =
      !proven_ || (Kept(question) && random->Uniform() < options_.compared * kKeptOneIn);
  if (compares) {
    DraftedPage page =
        DrawTeams(Own(rows, nullptr), Similarity(rows.rows()), options_.slots, random);
    teams_ = std::move(page.teams);
    return std::move(page.shown);
  }
  std::vector<std::uint32_t> order = Own(rows, options_.width > 0 ? random : nullptr);
  order.resize(std::min(order.size(), options_.slots));
  return order;
}

void ProvenBandit::Learn(std::uint64_t question, const FeatureRows& rows,
                         const std::vector<std::uint32_t>& shown,
                         const std::vector<double>& rewards) {
  if (!teams_.empty() && !learned_.contains(question)) {
    Duel duel;
    duel.Add(teams_, rewards);
    if (duel.wins != duel.losses) Compare(question, duel.wins > duel.losses ? 1 : -1);
  }
  if (Kept(question)) return;
  learned_.insert(question);
  for (std::size_t k = 0; k < shown.size(); ++k) {
    std::vector<float> wide = Wide(rows[shown[k]]);
    for (float& x : wide) x *= static_cast<float>(examination_[k]);
    bandit_.Learn(wide, rewards[k]);
  }
}

void ProvenBandit::Compare(std::uint64_t question, double outcome) {
  Score& score = scores_[question];
  score.sum += outcome;
  score.pages += 1;
  if (++decided_ < next_look_) return;
  const double n = static_cast<double>(scores_.size());
  double sum = 0, squares = 0;
  for (const auto& [key, one] : scores_) sum += one.sum / one.pages;
  const double mean = sum / n;
  for (const auto& [key, one] : scores_) {
    squares += (one.sum / one.pages - mean) * (one.sum / one.pages - mean);
  }
  const double error = std::sqrt(squares / std::max(n - 1, 1.0) / n);
  const bool enough = n >= kLeastQuestions;
  const bool was = proven_;
  if (enough && mean > options_.proof * error) proven_ = true;
  if (enough && mean < -options_.disproof * error) proven_ = false;
  // The learner moves on: what it won before the last look says little of what it is now.
  scores_.clear();
  decided_ = 0;
  next_look_ = was == proven_ ? 2 * next_look_ : kFirstLook;
}

}  // namespace espy::ranking
