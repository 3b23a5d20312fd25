// The kinds of index by the names that people give them.
#ifndef ESPY_INDEX_INDEX_KIND_H_
#define ESPY_INDEX_INDEX_KIND_H_

#include <string>
#include <string_view>

#include "espy/status.h"
#include "index/vector_index.h"

namespace espy::index {

// "auto", "flat", "hnsw", "hnsw-fp16", "ivf-flat", "ivf-pq", "ivf-rabitq", "disk"; "unknown" for a
// number without a name.
std::string_view IndexKindName(IndexKind kind);
// InvalidArgument names those that there are.
Result<IndexKind> ParseIndexKind(std::string_view name);
// The number is that of a kind that this program can build; kAuto among them.
bool IsIndexKind(std::uint8_t number);

}  // namespace espy::index

#endif  // ESPY_INDEX_INDEX_KIND_H_
