#include "ranking/policy_file.h"

#include <cmath>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "ranking/products.h"

namespace espy::ranking {
namespace {

constexpr std::string_view kMagic = "espyrank";
constexpr std::uint32_t kLines = 1, kProducts = 2;  // layouts: without and with their weights
constexpr std::size_t kMostColumns = 256;
constexpr std::size_t kMostStops = 2;

Status Damaged() { return Status::Corruption("policy: is damaged; learn it anew"); }

void PutStop(std::string* out, const PolicyStop& stop) {
  out->push_back(stop.phrases ? 1 : 0);
  const StopModel& m = stop.model;
  const StopRecord& r = stop.record;
  for (const double x : {m.intercept, m.cosine, m.drop, m.cost, r.f1, r.f1_fixed, r.f1_all,
                         r.gain_lower, r.calibration}) {
    PutFixed(out, x);
  }
}

bool GetStop(std::string_view* bytes, PolicyStop* stop) {
  std::uint8_t kind = 0;
  if (!GetFixed(bytes, &kind) || kind > 1) return false;
  stop->phrases = kind == 1;
  StopModel& m = stop->model;
  StopRecord& r = stop->record;
  for (double* x : {&m.intercept, &m.cosine, &m.drop, &m.cost, &r.f1, &r.f1_fixed, &r.f1_all,
                    &r.gain_lower, &r.calibration}) {
    if (!GetFixed(bytes, x) || !std::isfinite(*x)) return false;
  }
  return m.cost > 0 && m.cost < 1 && m.cosine > m.drop;
}

}  // namespace

std::string EncodePolicy(const LearnedPolicy& policy) {
  std::string out(kMagic);
  const bool products = policy.weights.size() > policy.schema.columns.size();
  PutFixed(&out, products ? kProducts : kLines);
  PutString(&out, policy.schema.name);
  PutFixed(&out, policy.schema.version);
  PutVarint(&out, policy.schema.columns.size());
  for (std::size_t i = 0; i < policy.schema.columns.size(); ++i) {
    PutString(&out, policy.schema.columns[i]);
    PutFixed(&out, policy.weights[i]);
  }
  for (std::size_t i = policy.schema.columns.size(); i < policy.weights.size(); ++i) {
    PutFixed(&out, policy.weights[i]);
  }
  const PolicyFacts& facts = policy.facts;
  PutFixed(&out, facts.learned_unix);
  PutString(&out, facts.space);
  PutFixed(&out, facts.learned_on);
  PutFixed(&out, facts.judged_on);
  for (const double x :
       {facts.value, facts.value_before, facts.gain, facts.gain_lower, facts.gain_upper}) {
    PutFixed(&out, x);
  }
  out += policy.history.Encode();
  for (const PolicyStop& stop : policy.stops) PutStop(&out, stop);  // to the end
  PutFixed(&out, Crc32c(out));
  return out;
}

Result<LearnedPolicy> ParsePolicy(std::string_view bytes, const FeatureSchema& schema) {
  std::uint32_t version = 0, checksum = 0;
  if (bytes.size() > kMostPolicyBytes || bytes.size() < kMagic.size() + 8 ||
      !bytes.starts_with(kMagic)) {
    return Status::Corruption("policy: these bytes are none; give what `espy policy export` wrote");
  }
  std::string_view rest = bytes.substr(kMagic.size());
  GetFixed(&rest, &version);
  if (version != kLines && version != kProducts) {
    return Status::Unsupported("policy: layout " + std::to_string(version) +
                               " is not known here; use the program that wrote it, or learn anew");
  }
  std::string_view tail = bytes.substr(bytes.size() - 4);
  GetFixed(&tail, &checksum);
  if (Crc32c(bytes.substr(0, bytes.size() - 4)) != checksum) return Damaged();
  rest.remove_suffix(4);
  LearnedPolicy policy;
  std::uint64_t columns = 0;
  if (!GetString(&rest, &policy.schema.name) || !GetFixed(&rest, &policy.schema.version) ||
      !GetVarint(&rest, &columns) || columns > kMostColumns) {
    return Damaged();
  }
  for (std::uint64_t i = 0; i < columns; ++i) {
    double weight = 0;
    if (!GetString(&rest, &policy.schema.columns.emplace_back()) || !GetFixed(&rest, &weight) ||
        !std::isfinite(weight)) {
      return Damaged();
    }
    policy.weights.push_back(weight);
  }
  const std::size_t weights = version == kProducts ? ProductColumns(columns) : columns;
  while (policy.weights.size() < weights) {
    double weight = 0;
    if (!GetFixed(&rest, &weight) || !std::isfinite(weight)) return Damaged();
    policy.weights.push_back(weight);
  }
  if (policy.schema != schema) {
    return Status::InvalidArgument(
        "policy: was learned on features " + policy.schema.name + " " +
        std::to_string(policy.schema.version) + ", and this program ranks by " + schema.name + " " +
        std::to_string(schema.version) + "; learn it anew with `espy learn`");
  }
  PolicyFacts& facts = policy.facts;
  if (!GetFixed(&rest, &facts.learned_unix) || !GetString(&rest, &facts.space) ||
      !GetFixed(&rest, &facts.learned_on) || !GetFixed(&rest, &facts.judged_on)) {
    return Damaged();
  }
  for (double* x :
       {&facts.value, &facts.value_before, &facts.gain, &facts.gain_lower, &facts.gain_upper}) {
    if (!GetFixed(&rest, x) || std::isnan(*x)) return Damaged();
  }
  ESPY_ASSIGN_OR_RETURN(policy.history, ClickHistory::Parse(&rest));
  while (!rest.empty()) {
    if (policy.stops.size() == kMostStops || !GetStop(&rest, &policy.stops.emplace_back())) {
      return Damaged();
    }
  }
  return policy;
}

}  // namespace espy::ranking
