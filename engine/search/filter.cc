// --where -> the items that pass.
#include "engine/filter.h"

#include "base/status_macros.h"
#include "engine/search/stages.h"

namespace espy::search {

Result<Allowed> AllowedItems(Library::Impl* library, const std::string& where,
                             const ReadState& state) {
  if (where.empty()) return Allowed();
  ESPY_ASSIGN_OR_RETURN(const std::unique_ptr<const where::Filter> filter,
                        ParseFilter(library->store.get(), where));
  std::vector<ItemId> ids;
  ESPY_RETURN_IF_ERROR(library->store->ScanItems(
      [&](const Record& record) {
        if (filter->Matches(record)) ids.push_back(record.id);
        return true;
      },
      state.snapshot.get()));
  return Allowed(std::move(ids));
}

}  // namespace espy::search
