// A question for words -> what FTS5 is asked, and how its answers are scored.
#ifndef ESPY_TEXT_PLAN_H_
#define ESPY_TEXT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/status.h"
#include "text/analyzer.h"
#include "text/query.h"
#include "text/vocabulary.h"

namespace espy::text {

// A word that more documents than this hold, and more than a tenth of all, finds none by itself
// when a rarer word is asked for beside it; it only counts in their order. A scan of every document
// for "a" would cost more than all else.
inline constexpr std::uint64_t kCommonDocuments = 1000;
// Words taken in for one that was mistyped.
inline constexpr std::size_t kMaxNearWords = 16;

// FTS5 is asked for the documents of some clauses, and each other clause is looked up among these.
// Which documents an expression with AND finds is right in every version of FTS5; where a phrase
// stands in them is not (3.40 forgets the places of an OR below an AND whose other part only nearly
// matched), and the score needs that. So an expression is an OR, or an OR AND one phrase.
struct Plan {
  struct Phrase {
    int group = 0;
    float weight = 1;  // less for words that are slips away
  };
  // What was asked for by one clause, whichever of its phrases is found.
  struct Group {
    float idf = 0;
    Clause::Occur occur = Clause::Occur::kShould;
  };
  struct Lookup {
    std::string expression;  // the finding one, AND this phrase, which is the last
    Phrase phrase;
  };
  std::string finding;          // for FTS5's MATCH; "" when nothing can be found
  std::vector<Phrase> phrases;  // of `finding`, in its order
  std::vector<Lookup> lookups;
  std::vector<Group> groups;
  std::string words;  // a line for people: what was looked for
};

Result<Plan> MakePlan(const TextQuery& query, Analyzer* analyzer, Vocabulary* vocabulary);

}  // namespace espy::text

#endif  // ESPY_TEXT_PLAN_H_
