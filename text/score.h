// Scores each document that FTS5 finds, and keeps the k best.
//
// BM25 over fields (Robertson, Zaragoza and Taylor 2004, "Simple BM25 extension to multiple
// weighted fields"): occurrences are summed over the fields with their weights, then saturate
// together. A clause that was found in several forms counts once, by its best.
#ifndef ESPY_TEXT_SCORE_H_
#define ESPY_TEXT_SCORE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "espy/status.h"
#include "text/connection.h"
#include "text/plan.h"

namespace espy::text {

struct Match {
  std::uint64_t id = 0;
  float score = 0;
  friend bool operator==(const Match&, const Match&) = default;
};

// Best first: by score, equal ones by id.
inline bool Before(const Match& a, const Match& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

// How often, weighted, a clause is found in each field.
using FieldCounts = std::array<float, kColumns>;

// What one search gathers, through SQL's espy_collect(docs, collector) called on each row.
struct Collector {
  struct Place {
    std::int64_t document = 0;
    FieldCounts counts{};
  };
  struct LookedUp {
    int group = 0;
    std::vector<Place> places;  // in order of document
    std::size_t next = 0;
  };
  const Plan* plan = nullptr;
  std::size_t k = 0;
  const std::function<bool(std::uint64_t)>* allowed = nullptr;  // null: every document
  Statement* item_of = nullptr;                                 // a document's id by its number

  // First each lookup is run with `looking` set, then the finding expression without.
  const Plan::Lookup* looking = nullptr;
  std::vector<LookedUp> looked_up;

  std::vector<Match> best;  // a heap whose front is the worst
  std::uint64_t found = 0;
  Status status;
  double mean_caption = 0;          // tokens; found at the first row
  std::vector<FieldCounts> counts;  // by group: in this document
};

Status RegisterScore(Connection* connection);
inline constexpr char kCollectorType[] = "espy-collector";

}  // namespace espy::text

#endif  // ESPY_TEXT_SCORE_H_
