// Learning an order from pages that another order showed: listwise softmax regression with clicks
// weighed by how little their slots are looked at.
//
//   maximise  sum over pages, i of g_i log( exp(w . x_i) / sum over j of exp(w . x_j) )  -  l/2 |w
//   - w_0|^2
//
// g_i is the reward of candidate i divided by the examination of its slot (Joachims, Swaminathan
// and Schnabel, WSDM 2017), the rest is ListNet's top-one likelihood (Cao and others, ICML 2007),
// which is the Plackett-Luce policy's first slot. Concave: Newton's method finds the one maximum.
#ifndef ESPY_RANKING_METHODS_LISTWISE_H_
#define ESPY_RANKING_METHODS_LISTWISE_H_

#include <span>
#include <vector>

#include "ranking/features.h"

namespace espy::ranking {

struct ListwisePage {
  FeatureRows rows;
  std::vector<double> gains;  // one a candidate, at least 0
};

struct ListwiseOptions {
  // w_0, a weight a column; ProductColumns() of them (products.h): the score is learned as a line
  // over the columns and their products, which are made page by page.
  std::vector<double> prior;
  double ridge = 1;  // l, above 0
  int most_steps = 50;
};

std::vector<double> LearnListwise(std::span<const ListwisePage> pages,
                                  const ListwiseOptions& options);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_LISTWISE_H_
