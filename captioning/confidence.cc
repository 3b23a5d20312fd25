#include "captioning/confidence.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json.h"
#include "encoders/json_fields.h"
#include "encoders/optional_file.h"

namespace espy::captioning {
namespace {

constexpr std::uint64_t kMaxFileBytes = 64 << 10;
constexpr double kMostWeight = 1000;
// What a float probability can tell from 0 and 1.
constexpr double kLeastProbability = 1e-7;

}  // namespace

double Confidence::Of(double p, double c) const {
  p = std::clamp(p, kLeastProbability, 1 - kLeastProbability);
  return 1 / (1 + std::exp(-(matching * std::log(p / (1 - p)) + cosine * c + bias)));
}

Result<Confidence> ParseConfidence(std::string_view json, const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const encoders::JsonValue root,
                        encoders::ParseJson(json, name, encoders::kConfigJson));
  if (root.AsObject() == nullptr) return Status::InvalidArgument(name + ": not an object");
  encoders::JsonFields fields(&root, name);
  Confidence confidence;
  confidence.matching = fields.Number("matching", confidence.matching, 0, kMostWeight);
  confidence.cosine = fields.Number("cosine", confidence.cosine, 0, kMostWeight);
  confidence.bias = fields.Number("bias", confidence.bias, -kMostWeight, kMostWeight);
  confidence.threshold = fields.Number("threshold", confidence.threshold, 0, 1);
  ESPY_RETURN_IF_ERROR(fields.status());
  return confidence;
}

Result<Confidence> ReadConfidence(const std::string& directory) {
  const std::string path = directory + "/confidence.json";
  ESPY_ASSIGN_OR_RETURN(const std::string json, encoders::ReadIfThere(path, kMaxFileBytes));
  if (json.empty()) return Confidence();
  return ParseConfidence(json, path);
}

}  // namespace espy::captioning
