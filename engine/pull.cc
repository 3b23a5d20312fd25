// The verb: a published model brought into the hub's cache.
#include "espy/pull.h"

#include <utility>

#include "base/status_macros.h"
#include "engine/hub/pull.h"

namespace espy {

Result<PullReport> PullModel(const PullOptions& options, const ProgressFn& progress,
                             std::stop_token stop) {
  hub::Surroundings surroundings;
  ESPY_ASSIGN_OR_RETURN(surroundings.settings, hub::ReadSettings());
  return hub::Pull(options, surroundings, progress, std::move(stop));
}

}  // namespace espy
