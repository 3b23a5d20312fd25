// Any bytes -> IvfIndex::Parse over forty rows; the first byte says of which kind. What is taken is
// searched: every row found is one of the forty, and none comes twice. Written again, it is the
// same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/half.h"
#include "index/ivf/ivf_index.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espy::index;
  constexpr std::int64_t kRows = 40, kDimension = 32;
  static const std::vector<std::uint16_t> halves = [] {
    std::vector<std::uint16_t> all;
    for (std::int64_t i = 0; i < kRows * kDimension; ++i) {
      all.push_back(espy::FloatToHalf(static_cast<float>(i * 37 % 101) / 50 - 1));
    }
    return all;
  }();
  const HalfRows rows{halves.data(), kRows, kDimension};
  if (size == 0) return 0;
  const auto codes = static_cast<CodeKind>(data[0] % 3);
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::size_t at = 0;
  const auto parsed =
      IvfIndex::Parse(codes, rows, bytes.size(), [&](void* to, std::size_t n) -> espy::Status {
        if (n > bytes.size() - at) return espy::Status::Corruption("it ends early");
        std::memcpy(to, bytes.data() + at, n);
        at += n;
        return espy::Status::Ok();
      });
  if (!parsed.ok()) return 0;
  std::string again;
  Require((*parsed)->EncodedBytes() == bytes.size());
  Require((*parsed)
              ->Encode([&](const void* from, std::size_t n) {
                again.append(static_cast<const char*>(from), n);
                return espy::Status::Ok();
              })
              .ok());
  Require(again == bytes);
  for (const std::int64_t effort : {1, 10, 400}) {
    RowQuery query;
    const std::vector<float> vector(kDimension, 0.5f);
    query.vector = vector.data();
    query.k = std::min<std::int64_t>(effort, 10);
    query.effort = effort;
    query.max_cost = 1e9;
    std::vector<FoundRow> found;
    (*parsed)->Search(rows, query, &found);
    std::vector<bool> seen(kRows, false);
    for (const FoundRow& row : found) {
      Require(row.row >= 0 && row.row < kRows && !seen[row.row]);
      seen[row.row] = true;
    }
  }
  return 0;
}
