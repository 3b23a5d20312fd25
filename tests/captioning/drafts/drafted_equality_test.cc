#include "tests/captioning/drafts/drafted_equality.h"

#include <gtest/gtest.h>

namespace espy::captioning {
namespace {

// The program drafted_equality compares ten thousand, or as many as it is asked for.
TEST(DraftedEquality, FiveHundredCaptionsAreThoseOfPlainDecodingWhateverDrafts) {
  const EqualityReport report = CompareDrafted(500, 1);
  EXPECT_GE(report.captions, 500);
  EXPECT_EQ(report.different, 0) << report.first_difference;
  // The comparison is worth something only where drafts were both right and wrong.
  EXPECT_GT(report.counters.accepted_rows, 1000);
  EXPECT_GT(report.counters.drafted_rows, 10 * report.counters.accepted_rows);
  EXPECT_GT(report.counters.failed_drafts, 0);
}

}  // namespace
}  // namespace espy::captioning
