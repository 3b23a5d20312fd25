// Which items a migration still has to embed.
#ifndef ESPY_ENGINE_MIGRATE_WANTED_H_
#define ESPY_ENGINE_MIGRATE_WANTED_H_

#include <set>
#include <string>
#include <vector>

#include "espy/record.h"
#include "storage/store.h"

namespace espy::migrate {

struct Wanted {
  std::string path;  // the first of its record's; "" when it has none
  ItemId id = kNoItem;
};

// As of one state of the store.
struct Plan {
  std::uint64_t seq = 0;       // of that state
  std::uint64_t items = 0;     // alive
  std::vector<Wanted> wanted;  // by path, so that a folder and the members of an archive are
                               // together: about 100 bytes an item
};

// Items without a vector in the space and, with `better`, those whose vector there is of a kept
// thumbnail; but none of `settled`.
Result<Plan> MakePlan(storage::Store* store, storage::SpaceNumber space, bool better,
                      const std::set<ItemId>& settled);

// In a record's list of spaces.
bool Noted(const std::vector<std::uint32_t>& spaces, storage::SpaceNumber space);
// Puts the space into the list or takes it out; false when it was so already.
bool Note(std::vector<std::uint32_t>* spaces, storage::SpaceNumber space, bool in);

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_WANTED_H_
