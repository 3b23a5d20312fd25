// A bandit that has to prove itself, and that loses little while it does.
//
// The reward of slot k is taken as examination(k) * theta . z, z a candidate's features, a constant
// and all products of two features: the position-based model (as PBM-UCB: Lagree, Vernade and
// Cappe, NIPS 2016), fitted by least squares from a prior that is similarity order. It is
// off-policy: pages that two orders share teach as well as its own.
//
// Until there is proof every page is shared out by team draft (team_draft.h) between its order and
// similarity order; with proof it ranks alone, but for a few pages that go on comparing. What
// compares are only pages of questions that it never learned from: a fifth of the questions is
// always kept from it, and any other counts the first time that it is asked. Wins are averaged by
// question, and the mean over questions has to be `proof` of its standard errors above 0. Looks are
// few, each at twice as many decided pages as the last, so that they keep their meaning.
#ifndef ESPY_RANKING_METHODS_PROVEN_BANDIT_H_
#define ESPY_RANKING_METHODS_PROVEN_BANDIT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "ranking/features.h"
#include "ranking/methods/linear_bandit.h"

namespace espy::ranking {

class ProvenBandit {
 public:
  struct Options {
    std::size_t slots = 10;
    double width = 0.1;      // of Thompson's draws
    double ridge = 10;       // how many looks the prior is worth
    double severity = 1;     // of PositionExamination
    double proof = 3;        // standard errors
    double disproof = 2;     // below 0, and similarity order ranks again
    double compared = 0.05;  // the share of pages that compare once it ranks
  };
  // `prior`: a weight for each feature, in rewards a look.
  ProvenBandit(const std::vector<double>& prior, const Options& options);

  // A page for a question, which `question` names: the same number for the same question. Rows are
  // in similarity order. Each Show is followed by its Learn.
  std::vector<std::uint32_t> Show(std::uint64_t question, const FeatureRows& rows, Random* random);
  void Learn(std::uint64_t question, const FeatureRows& rows,
             const std::vector<std::uint32_t>& shown, const std::vector<double>& rewards);
  // What ranks now, without chance: its own order, or similarity's before there is proof.
  std::vector<std::uint32_t> Best(const FeatureRows& rows) const;
  bool proven() const { return proven_; }

 private:
  struct Score {
    double sum = 0, pages = 0;
  };

  std::vector<std::uint32_t> Own(const FeatureRows& rows, Random* random) const;
  static bool Kept(std::uint64_t question);
  void Compare(std::uint64_t question, double outcome);

  Options options_;
  std::vector<double> examination_;
  LinearBandit bandit_;
  bool proven_ = false;
  std::string teams_;                      // of the page that is shown; empty: it is not shared
  std::set<std::uint64_t> learned_;        // questions
  std::map<std::uint64_t, Score> scores_;  // by question, since the last look
  std::uint64_t decided_ = 0, next_look_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_PROVEN_BANDIT_H_
