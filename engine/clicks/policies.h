// What learning and the verbs around policies share.
#ifndef ESPY_ENGINE_CLICKS_POLICIES_H_
#define ESPY_ENGINE_CLICKS_POLICIES_H_

#include <cstdint>

#include "espy/feedback.h"
#include "ranking/policy_file.h"
#include "storage/store.h"

namespace espy::clicks {

PolicyInfo InfoOf(std::uint64_t version, const ranking::LearnedPolicy& policy);
Result<std::uint64_t> NextVersion(storage::Store* store);

}  // namespace espy::clicks

#endif  // ESPY_ENGINE_CLICKS_POLICIES_H_
