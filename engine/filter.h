// A --where expression against one library.
#ifndef ESPY_ENGINE_FILTER_H_
#define ESPY_ENGINE_FILTER_H_

#include <memory>
#include <string>

#include "engine/library_impl.h"
#include "engine/where/where.h"
#include "index/id_set.h"
#include "storage/store.h"

namespace espy {

// The user fields that the library knows, for Parse.
Result<where::UserFields> KnownUserFields(storage::Store* store);

// Parsed with the library's user fields. `expression` is not empty.
Result<std::unique_ptr<const where::Filter>> ParseFilter(storage::Store* store,
                                                         const std::string& expression);

// The items that pass, as of `state`, whose fields are there (FilterState).
Result<std::shared_ptr<const index::IdSet>> SelectItems(storage::Store* store,
                                                        const where::Filter& filter,
                                                        const ReadState& state);

}  // namespace espy

#endif  // ESPY_ENGINE_FILTER_H_
