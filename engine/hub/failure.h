// What an answer of the hub that is no success means, and what to do about it, in one line.
#ifndef ESPY_ENGINE_HUB_FAILURE_H_
#define ESPY_ENGINE_HUB_FAILURE_H_

#include <string>

#include "encoders/hub_cache.h"
#include "engine/hub/client.h"
#include "engine/hub/settings.h"
#include "espy/status.h"

namespace espy::hub {

// `file` is "" for the repository itself. The hub says what it means in X-Error-Code (RepoNotFound,
// RevisionNotFound, EntryNotFound, GatedRepo); to who is not logged in it says 401 of a repository
// that is private, gated or not there. A status of 2xx is Ok.
Status FailureOf(const Reply& reply, const Settings& settings, const encoders::HubName& name,
                 const std::string& file);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_FAILURE_H_
