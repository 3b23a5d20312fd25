// The rows of sealed segments whose bytes in storage are without them, read when an index is
// opened: from where the truth has them, all segments' in one pass (docs/decisions/0092).
#ifndef ESPY_INDEX_STORED_ROWS_H_
#define ESPY_INDEX_STORED_ROWS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "espy/status.h"
#include "index/row_reader.h"
#include "index/segment.h"

namespace espy::index {

// Fills the rows of those of `segments` that have rows_apart, with `threads` threads: by reading
// all that the store has one behind the other, or, when those are few beside the rest of the
// segments' rows, by looking each up. A dead row whose id the store does not have becomes zeros;
// for one that is alive that is Corruption.
Status FillRows(std::span<const std::shared_ptr<Segment>> segments, const RowReader& reader,
                int threads);

}  // namespace espy::index

#endif  // ESPY_INDEX_STORED_ROWS_H_
