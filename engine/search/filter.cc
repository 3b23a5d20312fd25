// --where -> the items that pass.
#include "engine/filter.h"

#include "engine/search/stages.h"

namespace espy::search {

Result<Allowed> AllowedItems(Library::Impl* library, const where::Filter* filter,
                             const ReadState& state) {
  if (filter == nullptr) return Allowed();
  return SelectItems(library->store.get(), *filter, state);
}

}  // namespace espy::search
