// policy: what was learned, which of it ranks, and its way out and in.
#include "engine/clicks/policies.h"

#include <algorithm>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "ranking/products.h"
#include "ranking/shortlist_features.h"

namespace espy {
namespace clicks {

PolicyInfo InfoOf(std::uint64_t version, const ranking::LearnedPolicy& policy) {
  PolicyInfo info;
  info.version = version;
  const ranking::PolicyFacts& facts = policy.facts;
  info.learned_unix = facts.learned_unix;
  info.learned_on = facts.learned_on;
  info.judged_on = facts.judged_on;
  info.value = facts.value;
  info.value_before = facts.value_before;
  info.gain = facts.gain;
  info.gain_lower = facts.gain_lower;
  info.gain_upper = facts.gain_upper;
  const std::vector<std::string>& columns = policy.schema.columns;
  std::vector<std::string> names = columns;
  ranking::ForEachProduct(columns.size(), [&](std::size_t a, std::size_t b) {
    names.push_back(columns[a] + "*" + columns[b]);
  });
  for (std::size_t i = 0; i < policy.weights.size(); ++i) {
    info.weights.emplace_back(names[i], policy.weights[i]);
  }
  for (const ranking::PolicyStop& stop : policy.stops) {
    const ranking::StopRecord& record = stop.record;
    info.stops.push_back(
        {stop.phrases, record.f1, record.f1_fixed, record.f1_all, record.calibration});
  }
  return info;
}

Result<std::uint64_t> NextVersion(storage::Store* store) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> versions, store->ListPolicies());
  return versions.empty() ? 1 : versions.back() + 1;
}

}  // namespace clicks

Result<std::vector<PolicyInfo>> Library::Policies() try {
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t in_use,
                        impl_->store->GetSetting(storage::kPolicySetting));
  std::vector<PolicyInfo> infos(1);
  ESPY_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> versions, impl_->store->ListPolicies());
  for (const std::uint64_t version : versions) {
    ESPY_ASSIGN_OR_RETURN(const ranking::LearnedPolicy policy,
                          clicks::ReadPolicy(impl_->store.get(), version));
    infos.push_back(clicks::InfoOf(version, policy));
  }
  for (PolicyInfo& info : infos) info.in_use = info.version == in_use;
  return infos;
} catch (const std::bad_alloc&) {
  return OutOfMemory("policy");
}

Status Library::UsePolicy(std::uint64_t version) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  if (version != 0) {
    const Result<ranking::LearnedPolicy> policy = clicks::ReadPolicy(impl_->store.get(), version);
    if (policy.status().code() == StatusCode::kNotFound) {
      return Status::NotFound("policy " + std::to_string(version) +
                              ": there is none of that number; `espy policy` lists them");
    }
    ESPY_RETURN_IF_ERROR(policy.status());
  }
  Change change;
  change.transaction.UsePolicy(version);
  return impl_->Commit(std::move(change));
} catch (const std::bad_alloc&) {
  return OutOfMemory("policy");
}

Result<std::string> Library::ExportPolicy(std::uint64_t version) try {
  ESPY_RETURN_IF_ERROR(clicks::ReadPolicy(impl_->store.get(), version).status());
  return impl_->store->GetPolicy(version);
} catch (const std::bad_alloc&) {
  return OutOfMemory("policy");
}

Result<std::uint64_t> Library::ImportPolicy(const std::string& bytes) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(ranking::ParsePolicy(bytes, ranking::ShortlistSchema()).status());
  std::lock_guard one(impl_->feedback_mutex_);
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t version, clicks::NextVersion(impl_->store.get()));
  Change change;
  change.transaction.PutPolicy(version, bytes);
  ESPY_RETURN_IF_ERROR(impl_->Commit(std::move(change)));
  return version;
} catch (const std::bad_alloc&) {
  return OutOfMemory("policy");
}

}  // namespace espy
