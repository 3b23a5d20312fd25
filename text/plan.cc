#include "text/plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/status_macros.h"
#include "text/edit_distance.h"

namespace espy::text {
namespace {

constexpr std::size_t kMaxPhraseWords = 64;
constexpr std::size_t kOneSlip = 5, kTwoSlips = 8;  // characters from which slips are looked for
constexpr float kSlipWeight = 0.5f;                 // of each

struct OwnedToken {
  std::string word, stem, plain_stem;
  bool letters = false;
};

struct Alternative {
  std::string phrase;  // tokens with a space between
  float weight = 1;
};

struct PlannedClause {
  Clause::Occur occur = Clause::Occur::kShould;
  int column = kAnyColumn;
  bool prefix = false;
  std::vector<Alternative> alternatives;
  std::uint64_t documents = 0;  // at most so many hold it
  std::string shown;
};

std::vector<OwnedToken> TokensOf(std::string_view text, Analyzer* analyzer) {
  std::vector<OwnedToken> tokens;
  analyzer->Analyze(text, [&](const Token& token) {
    if (token.word != kBreakToken) {
      tokens.push_back({std::string(token.word), std::string(token.stem),
                        std::string(token.plain_stem), token.letters});
    }
    return tokens.size() < kMaxPhraseWords;
  });
  return tokens;
}

class Planner {
 public:
  Planner(Analyzer* analyzer, Vocabulary* vocabulary)
      : analyzer_(analyzer), vocabulary_(vocabulary) {}

  // Nothing when the clause holds no word.
  Result<std::optional<PlannedClause>> PlanClause(const Clause& clause) {
    const std::vector<OwnedToken> tokens = TokensOf(clause.text, analyzer_);
    if (tokens.empty()) return std::optional<PlannedClause>();
    PlannedClause planned;
    planned.occur = clause.occur;
    planned.column = clause.column;
    planned.prefix = clause.kind == Clause::Kind::kPrefix;
    if (clause.kind == Clause::Kind::kWord && tokens.size() == 1) {
      ESPY_RETURN_IF_ERROR(PlanWord(tokens[0], clause.edits, &planned));
    } else {
      // "T-shirts" is two words in a row, in any form of each; a quoted phrase is what it says.
      ESPY_RETURN_IF_ERROR(PlanPhrase(tokens, clause.kind == Clause::Kind::kWord, &planned));
    }
    planned.shown = Shown(clause, planned, tokens);
    return std::optional<PlannedClause>(std::move(planned));
  }

 private:
  Status PlanWord(const OwnedToken& token, int edits, PlannedClause* planned) {
    const std::string& form = token.stem.empty() ? token.word : token.stem;
    ESPY_ASSIGN_OR_RETURN(planned->documents, vocabulary_->Documents(form));
    planned->alternatives.push_back({form, 1});
    if (!token.plain_stem.empty()) {
      ESPY_ASSIGN_OR_RETURN(const std::uint64_t more, vocabulary_->Documents(token.plain_stem));
      planned->documents = std::max(planned->documents, more);
      planned->alternatives.push_back({token.plain_stem, 1});
    }
    const std::size_t length = EditDistance(token.word).length();
    if (edits == Clause::kAutomatic) {
      edits = planned->documents > 0 || length < kOneSlip ? 0 : length < kTwoSlips ? 1 : 2;
    }
    if (edits == 0 || !token.letters) return Status::Ok();
    ESPY_ASSIGN_OR_RETURN(const std::vector<NearWord> near,
                          vocabulary_->Near(token.word, edits, kMaxNearWords));
    for (const NearWord& word : near) {
      planned->documents += word.documents;
      planned->alternatives.push_back(
          {word.word, std::pow(kSlipWeight, static_cast<float>(word.edits))});
    }
    return Status::Ok();
  }

  Status PlanPhrase(const std::vector<OwnedToken>& tokens, bool any_form, PlannedClause* planned) {
    Alternative phrase;
    planned->documents = vocabulary_->total_documents();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const OwnedToken& token = tokens[i];
      const std::string& form = any_form && !token.stem.empty() ? token.stem : token.word;
      const bool is_prefix = planned->prefix && i + 1 == tokens.size();
      ESPY_ASSIGN_OR_RETURN(
          const std::uint64_t documents,
          is_prefix ? vocabulary_->DocumentsOfPrefix(form) : vocabulary_->Documents(form));
      planned->documents = std::min(planned->documents, documents);
      phrase.phrase += (i == 0 ? "" : " ") + form;
    }
    planned->alternatives.push_back(std::move(phrase));
    return Status::Ok();
  }

  static std::string Shown(const Clause& clause, const PlannedClause& planned,
                           const std::vector<OwnedToken>& tokens) {
    std::string shown;
    if (clause.occur == Clause::Occur::kMust) shown += '+';
    if (clause.occur == Clause::Occur::kMustNot) shown += '-';
    if (clause.column != kAnyColumn) shown += std::string(kColumnNames[clause.column]) + ":";
    std::string words;
    for (const OwnedToken& token : tokens) words += (words.empty() ? "" : " ") + token.word;
    shown += tokens.size() > 1 ? "\"" + words + "\"" : words;
    if (planned.prefix) shown += '*';
    std::string near;
    for (const Alternative& alternative : planned.alternatives) {
      if (alternative.weight < 1) near += (near.empty() ? "" : ", ") + alternative.phrase;
    }
    if (!near.empty()) shown += " (as " + near + ")";
    return shown;
  }

  Analyzer* const analyzer_;
  Vocabulary* const vocabulary_;
};

// A phrase in FTS5's language. Tokens are letters, digits, marks, pictographs and the stem's mark,
// so that a quoted string of them needs no more than its quotes.
std::string Written(const PlannedClause& clause, const Alternative& alternative) {
  std::string text;
  if (clause.column != kAnyColumn) text = std::string(kColumnNames[clause.column]) + " : ";
  return text + '"' + alternative.phrase + '"' + (clause.prefix ? " *" : "");
}

// As in Lucene: positive however common the word is.
float InverseFrequency(std::uint64_t total, std::uint64_t documents) {
  const auto all = static_cast<double>(total);
  const double held = std::min(static_cast<double>(documents), all);
  return static_cast<float>(std::log(1 + (all - held + 0.5) / (held + 0.5)));
}

}  // namespace

Result<Plan> MakePlan(const TextQuery& query, Analyzer* analyzer, Vocabulary* vocabulary) {
  Planner planner(analyzer, vocabulary);
  std::vector<PlannedClause> clauses;
  Plan plan;
  for (const Clause& clause : query.clauses) {
    ESPY_ASSIGN_OR_RETURN(std::optional<PlannedClause> planned, planner.PlanClause(clause));
    if (!planned) continue;
    plan.words += (plan.words.empty() ? "" : " ") + planned->shown;
    clauses.push_back(*std::move(planned));
  }
  const std::uint64_t total = vocabulary->total_documents();
  std::uint64_t rarest = total;
  for (const PlannedClause& clause : clauses) {
    if (clause.occur == Clause::Occur::kShould && clause.documents > 0) {
      rarest = std::min(rarest, clause.documents);
    }
  }
  const std::uint64_t common = std::max({kCommonDocuments, total / 10, 2 * rarest});

  const PlannedClause* rarest_must = nullptr;
  for (const PlannedClause& clause : clauses) {
    if (clause.occur == Clause::Occur::kMust &&
        (rarest_must == nullptr || clause.documents < rarest_must->documents)) {
      rarest_must = &clause;
    }
  }
  const auto finds = [&](const PlannedClause& clause) {
    if (rarest_must != nullptr) return &clause == rarest_must;
    return clause.occur == Clause::Occur::kShould && clause.documents <= common;
  };
  for (std::size_t g = 0; g < clauses.size(); ++g) {
    const PlannedClause& clause = clauses[g];
    plan.groups.push_back({InverseFrequency(total, clause.documents), clause.occur});
    if (!finds(clause)) continue;
    for (const Alternative& alternative : clause.alternatives) {
      plan.finding += (plan.finding.empty() ? "" : " OR ") + Written(clause, alternative);
      plan.phrases.push_back({static_cast<int>(g), alternative.weight});
    }
  }
  if (plan.finding.empty()) return plan;  // nothing but what must not be there
  for (std::size_t g = 0; g < clauses.size(); ++g) {
    if (finds(clauses[g])) continue;
    for (const Alternative& alternative : clauses[g].alternatives) {
      plan.lookups.push_back({"(" + plan.finding + ") AND " + Written(clauses[g], alternative),
                              {static_cast<int>(g), alternative.weight}});
    }
  }
  return plan;
}

}  // namespace espy::text
