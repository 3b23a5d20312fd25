// A record with its vector as one line of JSON, and back. The keys are those of `espy get --json`,
// without the ones that follow from others; what is read may hold them all.
#ifndef ESPY_ENGINE_TRANSFER_RECORD_JSON_H_
#define ESPY_ENGINE_TRANSFER_RECORD_JSON_H_

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/record.h"
#include "espy/status.h"

namespace espy::transfer {

inline constexpr std::size_t kMaxLineBytes = 16u << 20;

// Without its end. The vector, where there is one, is "vector_f16", or "vector_f32" of `fp32`.
std::string RecordToLine(const Record& record, std::span<const std::uint16_t> half,
                         std::span<const float> fp32 = {});

struct Line {
  Record record;
  // At most one of them is filled.
  std::vector<float> vector;
  std::vector<std::uint16_t> half;
};

// InvalidArgument when a key holds what it cannot, Corruption when it is no JSON. Keys without
// meaning go to `ignored`. `name` ("FILE:LINE") stands in messages.
Result<Line> ParseLine(std::string_view text, const std::string& name,
                       std::set<std::string>* ignored);

}  // namespace espy::transfer

#endif  // ESPY_ENGINE_TRANSFER_RECORD_JSON_H_
