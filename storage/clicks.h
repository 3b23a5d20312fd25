// The rows of the `clicks` family: pages that searches showed, what was done with them, and the
// policies that were learnt from both. docs/FORMATS.md.
#ifndef ESPY_STORAGE_CLICKS_H_
#define ESPY_STORAGE_CLICKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espy/record.h"
#include "espy/status.h"

namespace espy::storage {

// A query's id: milliseconds since 1970 in its upper bits, so that pages lie in order of time.
using QueryId = std::uint64_t;
inline constexpr int kQueryIdRandomBits = 20;

// Store::GetSetting's name of the version that ranks; 0: similarity. Transaction::UsePolicy sets
// it.
inline constexpr std::string_view kPolicySetting = "policy";

struct PageCandidate {
  ItemId item = kNoItem;
  float dense = 0;   // cosine
  float text = 0;    // the words' score; 0: none
  float match = -1;  // the matching model's probability; negative: not asked
  friend bool operator==(const PageCandidate&, const PageCandidate&) = default;
};

// One page as it was shown.
struct PageRow {
  static constexpr std::size_t kMostCandidates = 1000;
  static constexpr std::size_t kMostValues = 16384;    // of the query's vector
  static constexpr std::size_t kMostTextBytes = 4096;  // of each text

  QueryId query = 0;
  std::int64_t time_ms = 0;  // since 1970
  std::uint32_t space = 0;
  std::string phrase;        // what was asked in words; "" where nothing was
  std::string client;        // who asked, as the caller names them; "": nobody in particular
  std::string session;       // "" : a session of its own
  std::uint64_t policy = 0;  // the version that ordered the page; 0: similarity
  std::uint64_t seed = 0;    // of its random draws
  std::vector<std::uint16_t>
      vector;  // the question, IEEE half precision; empty where words alone were asked
  std::vector<PageCandidate> candidates;  // in similarity order
  std::vector<std::uint16_t> shown;       // by slot: index of a candidate
  // By slot: the probability of that candidate there, given the slots above.
  std::vector<double> propensities;
  // By slot, of an interleaved page: whose choice it was, 1 the policy's, 2 similarity's. Else
  // empty.
  std::string teams;
  friend bool operator==(const PageRow&, const PageRow&) = default;
};

// What was done with one item of one page; given again it is the same row.
struct FeedbackRow {
  QueryId query = 0;
  ItemId item = kNoItem;
  bool clicked = false;
  bool kept = false;
  bool rejected = false;
  float dwell_s = 0;
  std::string client;
  std::int64_t time_ms = 0;
  friend bool operator==(const FeedbackRow&, const FeedbackRow&) = default;
};

std::string EncodePage(const PageRow& row);
Result<PageRow> ParsePage(QueryId query, std::string_view value);
std::string EncodeFeedback(const FeedbackRow& row);
Result<FeedbackRow> ParseFeedback(QueryId query, ItemId item, std::string_view value);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_CLICKS_H_
