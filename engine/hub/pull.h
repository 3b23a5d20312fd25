// PullModel with what surrounds it passed in.
#ifndef ESPY_ENGINE_HUB_PULL_H_
#define ESPY_ENGINE_HUB_PULL_H_

#include <cstdint>
#include <functional>
#include <stop_token>

#include "engine/hub/cache.h"
#include "engine/hub/client.h"
#include "engine/hub/settings.h"
#include "espy/pull.h"

namespace espy::hub {

struct Surroundings {
  Settings settings;
  Patience patience;
  std::function<Result<std::uint64_t>(const RepositoryCache&)> free_bytes =
      [](const RepositoryCache& cache) { return cache.FreeBytes(); };
};

Result<PullReport> Pull(const PullOptions& options, const Surroundings& surroundings,
                        const ProgressFn& progress, std::stop_token stop);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_PULL_H_
