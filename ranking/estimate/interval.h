// How sure a mean is.
#ifndef ESPY_RANKING_ESTIMATE_INTERVAL_H_
#define ESPY_RANKING_ESTIMATE_INTERVAL_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::ranking {

struct Interval {
  double value = 0;
  double lower = 0;
  double upper = 0;
};

// The mean's central limit: value -+ z s / sqrt(n), s the sample's standard deviation. Two-sided
// `confidence` in (0, 1). Of fewer than two terms: from minus to plus infinity.
Interval NormalInterval(std::span<const double> terms, double confidence);

// Percentiles of the means of `rounds` resamples of whole groups, the same ones for the same seed
// (Efron, 1979; clusters: Field and Welsh, 2007). `groups` names each term's group; empty: every
// term its own. Terms of one client hang together, and resampling them apart would be too sure.
Interval BootstrapInterval(std::span<const double> terms, std::span<const std::uint32_t> groups,
                           double confidence, int rounds, std::uint64_t seed);

// Holds for any distribution of independent terms in [low, high], at any n (Maurer and Pontil,
// COLT 2009, theorem 4): with probability 1 - d the mean is above
//   value - sqrt(2 v ln(2/d) / n) - 7 (high - low) ln(2/d) / (3 (n - 1)),
// v the sample variance; here each side has d = (1 - confidence) / 2.
Interval EmpiricalBernstein(std::span<const double> terms, double low, double high,
                            double confidence);

// (sum of w)^2 / sum of w^2: how many equal weights say as much (Kish, 1965).
double EffectiveSampleSize(std::span<const double> weights);

// z with P(|Z| <= z) = confidence for a standard normal Z.
double NormalQuantile(double confidence);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_ESTIMATE_INTERVAL_H_
