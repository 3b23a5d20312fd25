// Simulated people and made data, to measure learners of orders by: what users do with a page by
// four click models, and queries with graded documents.
#ifndef ESPY_RANKING_SIMULATE_H_
#define ESPY_RANKING_SIMULATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "ranking/features.h"

namespace espy::ranking {

inline constexpr int kGrades = 5;  // relevance 0 to 4

enum class UserKind {
  kPbm,  // looks at slot k with a chance of its own (Richardson, Dominowska and Ragno, WWW 2007)
  kCascade,  // goes down, stops at the first click (Craswell and others, WSDM 2008)
  kDcm,  // goes down, and on after a click with a chance of its slot (Guo, Liu and Wang, WSDM 2009)
  kUbm,  // by slot and by how far above the last click is (Dupret and Piwowarski, SIGIR 2008)
};
std::string_view UserKindName(UserKind kind);

// P(click | looked at, grade g) = a + b 2^g with 0.1 for grade 0 and 1 for grade 4, as in ULTRA's
// simulations (Tran, Yang and Ai, CIKM 2021).
double ClickChance(int grade);

class User {
 public:
  // `severity`: the exponent of the chances of looking; 1 as measured.
  User(UserKind kind, double severity) : kind_(kind), severity_(severity) {}

  // `grades` by slot; what was clicked, by slot.
  std::vector<bool> Visit(std::span<const int> grades, Random* random) const;

 private:
  double Looks(std::size_t slot, std::size_t since_click) const;

  UserKind kind_;
  double severity_;
};

// Queries with documents in similarity order, their features and their grades. The grades follow
// from a hidden function, partly of products of features; column 0 is the similarity, which knows
// some of it.
struct MadeQueries {
  FeatureSchema schema;
  std::size_t documents = 0;                 // of each query
  std::vector<std::vector<float>> features;  // by query: [documents, columns]
  std::vector<std::vector<int>> grades;      // by query: [documents]

  FeatureRows rows(std::size_t query) const { return {features[query], schema.columns.size()}; }
};
MadeQueries MakeQueries(std::size_t queries, std::size_t documents, std::size_t columns,
                        std::uint64_t world, std::uint64_t seed);

// Normalised discounted cumulative gain of the first k: gains 2^g - 1, discounts 1 / log2(slot + 2)
// (Jarvelin and Kekalainen, 2002; Burges and others, 2005). 1 where there is nothing to gain.
double Ndcg(std::span<const std::uint32_t> order, std::span<const int> grades, std::size_t k);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_SIMULATE_H_
