// learn: logged pages -> a policy, where it surely earns more than what ranks now.
//
//   pages in order of time:  learn on 5/10 | choose form and ridge on 2/10 | judge on 3/10
//
// What ranks now and what was learned are both asked where they would have put what the judged
// pages showed; neither has seen those pages. A policy that is switched on looks back on all of
// them.
#include <algorithm>
#include <span>
#include <utility>

#include "base/half.h"
#include "base/status_macros.h"
#include "engine/clicks/logged_pages.h"
#include "engine/clicks/policies.h"
#include "engine/clicks/shortlist.h"
#include "engine/clicks/stops.h"
#include "engine/out_of_memory.h"
#include "ranking/estimate/judge.h"
#include "ranking/examination.h"
#include "ranking/methods/listwise.h"
#include "ranking/order.h"
#include "ranking/products.h"
#include "ranking/shortlist_features.h"

namespace espy {
namespace {

using clicks::LoggedPage;

constexpr std::int64_t kMostAgeMs = std::int64_t{365} * 86'400'000;
constexpr double kLearnShare = 0.5, kChooseShare = 0.7;
// A line over the features wants few pages; with their products it can say more, and wants more.
constexpr double kRidges[] = {1, 10, 100};
constexpr double kProductRidges[] = {10, 100, 1000};
constexpr std::size_t kPagesAWeight = 20;  // with a reward, for products to be tried
constexpr double kClip = 10;               // of one over examination

class Learner {
 public:
  Learner(Library::Impl* library, const LearnOptions& options)
      : library_(library), options_(options) {
    prior_.assign(ranking::ShortlistSchema().columns.size(), 0);
    prior_[0] = 1;  // `dense` and `top`: similarity order
    prior_[1] = 1;
  }

  Status Read(storage::SpaceNumber space);
  Status Learn(const ProgressFn& progress, const std::stop_token& stop, LearnReport* report);
  const ranking::LearnedPolicy& policy() const { return policy_; }
  storage::QueryId oldest() const { return oldest_; }  // as LoggedPages has it

 private:
  using Weights = std::vector<double>;

  Result<clicks::HeldShortlist> ShortlistOf(const storage::PageRow& page) const;
  void Remember(const LoggedPage& logged, const ranking::Shortlist& shortlist,
                ranking::ClickHistory* history) const;
  Status LearnFrom(std::size_t end, const ProgressFn& progress, const std::stop_token& stop);
  std::vector<ranking::ListwisePage> Lists() const;  // of the pages up to learn_end_
  // What may be worth judging, learned from those.
  Result<std::vector<Weights>> Candidates(const std::stop_token& stop) const;
  // Pages [begin, end) as a judge wants them: what ranks now against each of the candidates.
  Result<std::vector<std::vector<ranking::JudgedPage>>> Judged(
      std::size_t begin, std::size_t end, std::span<const Weights> candidates) const;
  ranking::JudgeOptions HowToJudge() const;
  std::vector<ranking::PolicyStop> Stops(std::vector<std::string>* told) const;

  Library::Impl* library_;
  LearnOptions options_;
  Weights prior_;
  std::vector<LoggedPage> pages_;  // in order of time
  storage::QueryId oldest_ = 0;
  std::size_t learn_end_ = 0, choose_end_ = 0;
  std::vector<std::vector<float>> features_;  // of the pages up to learn_end_, as they were then
  ranking::ClickHistory history_;             // of those pages
  ranking::LearnedPolicy policy_;
};

Status Learner::Read(storage::SpaceNumber space) {
  ESPY_ASSIGN_OR_RETURN(clicks::LoggedPages read,
                        clicks::ReadLoggedPages(library_->store.get(), space));
  pages_ = std::move(read.pages);
  oldest_ = read.oldest;
  const double n = static_cast<double>(pages_.size());
  learn_end_ = static_cast<std::size_t>(kLearnShare * n);
  choose_end_ = static_cast<std::size_t>(kChooseShare * n);
  return Status::Ok();
}

Result<clicks::HeldShortlist> Learner::ShortlistOf(const storage::PageRow& page) const {
  std::vector<float> question(page.vector.size());
  HalfToFloat(page.vector.data(), page.vector.size(), question.data());
  return clicks::MakeShortlist(library_, page.space, question, page.candidates, page.time_ms / 1000,
                               nullptr);
}

void Learner::Remember(const LoggedPage& logged, const ranking::Shortlist& shortlist,
                       ranking::ClickHistory* history) const {
  const std::vector<double> examination =
      ranking::PositionExamination(logged.rewards.size(), options_.position_bias);
  std::vector<ranking::Choice> choices;
  for (std::size_t slot = 0; slot < logged.rewards.size(); ++slot) {
    const ranking::Candidate& c = shortlist.candidates[logged.page.shown[slot]];
    choices.push_back({c.item, c.vector, examination[slot], logged.rewards[slot]});
  }
  history->Add(shortlist.question, choices);
}

Status Learner::LearnFrom(std::size_t end, const ProgressFn& progress,
                          const std::stop_token& stop) {
  for (std::size_t i = features_.size(); i < end; ++i) {
    if (stop.stop_requested()) return Status::Cancelled("learn: was stopped; nothing is changed");
    ESPY_ASSIGN_OR_RETURN(const clicks::HeldShortlist shortlist, ShortlistOf(pages_[i].page));
    features_.push_back(ranking::ShortlistFeatures(shortlist.view(), history_));
    Remember(pages_[i], shortlist.view(), &history_);
    if (progress) progress({"pages", i + 1, pages_.size()});
  }
  return Status::Ok();
}

std::vector<ranking::ListwisePage> Learner::Lists() const {
  std::vector<ranking::ListwisePage> lists;
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const LoggedPage& logged = pages_[i];
    const std::vector<double> examination =
        ranking::PositionExamination(logged.rewards.size(), options_.position_bias);
    ranking::ListwisePage& list = lists.emplace_back();
    list.rows = {features_[i], prior_.size()};
    list.gains.assign(logged.page.candidates.size(), 0);
    for (std::size_t slot = 0; slot < logged.rewards.size(); ++slot) {
      list.gains[logged.page.shown[slot]] = logged.weight * std::max(logged.rewards[slot], 0.0) *
                                            std::min(1 / examination[slot], kClip);
    }
  }
  return lists;
}

Result<std::vector<Learner::Weights>> Learner::Candidates(const std::stop_token& stop) const {
  const std::vector<ranking::ListwisePage> lists = Lists();
  const auto rewarded = static_cast<std::size_t>(
      std::count_if(lists.begin(), lists.end(), [](const ranking::ListwisePage& list) {
        return std::any_of(list.gains.begin(), list.gains.end(), [](double g) { return g > 0; });
      }));
  std::vector<Weights> learned;
  const auto learn = [&](const Weights& prior, std::span<const double> ridges) -> Status {
    for (const double ridge : ridges) {
      if (stop.stop_requested()) return Status::Cancelled("learn: was stopped; nothing is changed");
      learned.push_back(ranking::LearnListwise(lists, {.prior = prior, .ridge = ridge}));
    }
    return Status::Ok();
  };
  ESPY_RETURN_IF_ERROR(learn(prior_, kRidges));
  Weights wide = prior_;
  wide.resize(ranking::ProductColumns(prior_.size()));
  if (rewarded >= kPagesAWeight * wide.size()) ESPY_RETURN_IF_ERROR(learn(wide, kProductRidges));
  return learned;
}

Result<std::vector<std::vector<ranking::JudgedPage>>> Learner::Judged(
    std::size_t begin, std::size_t end, std::span<const Weights> candidates) const {
  const auto now = library_->ranker->InUse();
  const auto in_use = now ? now->policy.Linear() : nullptr;
  std::vector<std::vector<ranking::JudgedPage>> judged(candidates.size());
  for (std::size_t i = begin; i < end; ++i) {
    const LoggedPage& logged = pages_[i];
    ESPY_ASSIGN_OR_RETURN(const clicks::HeldShortlist shortlist, ShortlistOf(logged.page));
    const auto slots_of = [&](std::span<const float> scores) {
      const std::vector<std::uint32_t> order = ranking::OrderByScore(scores);
      std::vector<std::uint32_t> place(order.size()), slots;
      for (std::uint32_t slot = 0; slot < order.size(); ++slot) place[order[slot]] = slot;
      for (const std::uint16_t shown : logged.page.shown) slots.push_back(place[shown]);
      return slots;
    };
    ranking::JudgedPage page;
    page.rewards = logged.rewards;
    page.weight = logged.weight;
    page.group = logged.group;
    std::vector<float> scores(shortlist.view().candidates.size(), 0);  // alike: similarity order
    if (in_use) {
      const std::vector<float> then =
          ranking::ShortlistFeatures(shortlist.view(), now->policy.history);
      in_use->Score({then, prior_.size()}, scores);
    }
    page.in_use = slots_of(scores);
    const std::vector<float> features = ranking::ShortlistFeatures(shortlist.view(), history_);
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      page.candidate = slots_of(ranking::LinearScores({features, prior_.size()}, candidates[c]));
      judged[c].push_back(page);
    }
  }
  return judged;
}

ranking::JudgeOptions Learner::HowToJudge() const {
  ranking::JudgeOptions judge;
  judge.confidence = options_.confidence;
  judge.severity = options_.position_bias;
  return judge;
}

std::vector<ranking::PolicyStop> Learner::Stops(std::vector<std::string>* told) const {
  clicks::StopPages learn, judge;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    const LoggedPage& logged = pages_[i];
    (i < choose_end_ ? learn : judge)
        .Add(logged.page, logged.rewards, logged.weight, logged.group, options_.position_bias);
  }
  return clicks::LearnStops(learn, judge, options_.confidence, told);
}

Status Learner::Learn(const ProgressFn& progress, const std::stop_token& stop,
                      LearnReport* report) {
  report->pages = pages_.size();
  report->held_out = pages_.size() - choose_end_;
  ESPY_RETURN_IF_ERROR(LearnFrom(learn_end_, progress, stop));
  ESPY_ASSIGN_OR_RETURN(const std::vector<Weights> candidates, Candidates(stop));
  ESPY_ASSIGN_OR_RETURN(const auto chosen_on, Judged(learn_end_, choose_end_, candidates));
  Weights best = prior_;
  double best_value = 0;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const double value = ranking::Judge(chosen_on[c], HowToJudge()).gain.value;
    if (value <= best_value) continue;
    best_value = value;
    best = candidates[c];
  }
  ESPY_ASSIGN_OR_RETURN(const auto held_out,
                        Judged(choose_end_, pages_.size(), std::span(&best, 1)));
  const ranking::Verdict verdict = ranking::Judge(held_out.front(), HowToJudge());
  report->held_out_clicked = verdict.rewarded;
  report->effective_size = verdict.effective;
  report->gain_bernstein_lower = verdict.gain_bernstein.lower;
  report->why = verdict.why;
  report->switched = verdict.better && best != prior_;
  ranking::PolicyFacts& facts = policy_.facts;
  facts.learned_on = learn_end_;
  facts.judged_on = verdict.pages;
  facts.value = verdict.candidate.value;
  facts.value_before = verdict.in_use.value;
  facts.gain = verdict.gain.value;
  facts.gain_lower = verdict.gain.lower;
  facts.gain_upper = verdict.gain.upper;
  policy_.schema = ranking::ShortlistSchema();
  policy_.weights = best;
  if (report->switched) {
    policy_.stops = Stops(&report->stops);
    ESPY_RETURN_IF_ERROR(LearnFrom(pages_.size(), progress, stop));
  }
  policy_.history = std::move(history_);
  return Status::Ok();
}

}  // namespace

Result<LearnReport> Library::Learn(const LearnOptions& options, const ProgressFn& progress,
                                   std::stop_token stop) try {
  if (!(options.confidence >= 0.5 && options.confidence <= 0.999)) {
    return Status::InvalidArgument("learn: a confidence is from 0.5 to 0.999");
  }
  if (!(options.position_bias >= 0 && options.position_bias <= 2)) {
    return Status::InvalidArgument("learn: a position bias is from 0 to 2");
  }
  if (!options.dry_run) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  const std::int64_t began = impl_->env->MonotonicNs();
  ESPY_RETURN_IF_ERROR(impl_->page_log->Flush());
  if (!options.dry_run) {
    const std::int64_t oldest = impl_->env->NowUnixNs() / 1'000'000 - kMostAgeMs;
    ESPY_RETURN_IF_ERROR(
        impl_->store->DropPages(static_cast<std::uint64_t>(std::max<std::int64_t>(oldest, 0))
                                << storage::kQueryIdRandomBits));
  }
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, impl_->Space());
  LearnReport report;
  report.dry_run = options.dry_run;
  Learner learner(impl_.get(), options);
  ESPY_RETURN_IF_ERROR(learner.Read(space.number));
  if (!options.dry_run && learner.oldest() > 0) {
    ESPY_RETURN_IF_ERROR(impl_->store->DropPages(learner.oldest()));
  }
  const Status learned = learner.Learn(progress, stop, &report);
  report.seconds = static_cast<double>(impl_->env->MonotonicNs() - began) * 1e-9;
  if (learned.code() == StatusCode::kCancelled) {
    report.cancelled = true;
    report.why = learned.message();
    return report;
  }
  ESPY_RETURN_IF_ERROR(learned);
  ranking::LearnedPolicy policy = learner.policy();
  policy.facts.learned_unix = impl_->env->NowUnixNs() / 1'000'000'000;
  policy.facts.space = space.space_id;
  report.policy = clicks::InfoOf(0, policy);
  if (!report.switched || options.dry_run) return report;
  std::lock_guard one(impl_->feedback_mutex_);
  ESPY_ASSIGN_OR_RETURN(report.policy.version, clicks::NextVersion(impl_->store.get()));
  report.policy.in_use = true;
  Change change;
  change.transaction.PutPolicy(report.policy.version, ranking::EncodePolicy(policy));
  change.transaction.UsePolicy(report.policy.version);
  ESPY_RETURN_IF_ERROR(impl_->Commit(std::move(change)));
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("learn");
}

}  // namespace espy
