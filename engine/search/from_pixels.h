// From decoded pixels to ids and scores on one GPU: the picture's bytes go there, ids and scores
// come back, and what is between them (the fitted picture, its vector) stays.
#ifndef ESPY_ENGINE_SEARCH_FROM_PIXELS_H_
#define ESPY_ENGINE_SEARCH_FROM_PIXELS_H_

#include <vector>

#include "encoders/encoder.h"
#include "espy/status.h"
#include "imaging/preprocess.h"
#include "index/vector_index.h"

namespace espy::search {

// The nearest to `picture`, as view.Search gives them for its vector: the same ids, the same bits
// of scores. `view` is of the encoder's space. Where the encoder or the index is not on the GPU, or
// no longer, the vector comes by the host.
Result<std::vector<index::Candidate>> FromPixels(const encoders::Encoder& encoder,
                                                 const index::View& view,
                                                 const imaging::PixelView& picture,
                                                 const index::SearchParams& params);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_FROM_PIXELS_H_
