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
  return SelectItems(library->store.get(), *filter, state);
}

}  // namespace espy::search
