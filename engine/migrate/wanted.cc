#include "engine/migrate/wanted.h"

#include <algorithm>

#include "base/status_macros.h"

namespace espy::migrate {

bool Noted(const std::vector<std::uint32_t>& spaces, storage::SpaceNumber space) {
  return std::find(spaces.begin(), spaces.end(), space) != spaces.end();
}

bool Note(std::vector<std::uint32_t>* spaces, storage::SpaceNumber space, bool in) {
  if (Noted(*spaces, space) == in) return false;
  if (in) {
    spaces->insert(std::upper_bound(spaces->begin(), spaces->end(), space), space);
  } else {
    std::erase(*spaces, space);
  }
  return true;
}

Result<Plan> MakePlan(storage::Store* store, storage::SpaceNumber space, bool better,
                      const std::set<ItemId>& settled) {
  const auto snapshot = store->TakeSnapshot();
  Plan plan;
  plan.seq = store->SeqOf(*snapshot);
  std::vector<ItemId> have;  // ascending, as items are
  ESPY_RETURN_IF_ERROR(store->ScanVectors(
      space,
      [&](ItemId id, std::span<const std::uint16_t>) {
        have.push_back(id);
        return true;
      },
      snapshot.get()));
  auto next = have.begin();
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        ++plan.items;
        while (next != have.end() && *next < record.id) ++next;
        const bool has = next != have.end() && *next == record.id;
        const bool wanted = !has || (better && Noted(record.spaces_by_thumbnail, space));
        if (wanted && !settled.contains(record.id)) {
          plan.wanted.push_back({record.paths.empty() ? "" : record.paths.front(), record.id});
        }
        return true;
      },
      snapshot.get()));
  std::sort(plan.wanted.begin(), plan.wanted.end(),
            [](const Wanted& a, const Wanted& b) { return a.path < b.path; });
  return plan;
}

}  // namespace espy::migrate
