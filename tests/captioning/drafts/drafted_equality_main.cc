// Compares captions with drafts to captions without, and says how many are alike.
//   drafted_equality [CAPTIONS] [FIRST_SEED]      10,000 from seed 1 where nothing is said
// One JSON line; exit code 0 when all are alike.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/captioning/drafts/drafted_equality.h"

int main(int argc, char** argv) {
  const std::int64_t captions = argc > 1 ? std::atoll(argv[1]) : 10000;
  const auto first = static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 1);
  const auto report = espy::captioning::CompareDrafted(captions, first);
  const auto& counters = report.counters;
  std::printf(
      "{\"captions\":%lld,\"different\":%lld,\"passes\":%lld,\"tokens\":%lld,"
      "\"drafted_rows\":%lld,\"accepted_rows\":%lld,\"failed_drafts\":%lld}\n",
      static_cast<long long>(report.captions), static_cast<long long>(report.different),
      static_cast<long long>(counters.passes), static_cast<long long>(counters.tokens),
      static_cast<long long>(counters.drafted_rows), static_cast<long long>(counters.accepted_rows),
      static_cast<long long>(counters.failed_drafts));
  if (report.different > 0) std::fprintf(stderr, "%s\n", report.first_difference.c_str());
  return report.captions > 0 && report.different == 0 ? 0 : 1;
}
