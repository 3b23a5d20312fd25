#include "engine/search/from_pixels.h"

#include "base/status_macros.h"
#include "index/dot.h"

namespace espy::search {

Result<std::vector<index::Candidate>> FromPixels(const encoders::Encoder& encoder,
                                                 const index::View& view,
                                                 const imaging::PixelView& picture,
                                                 const index::SearchParams& params) {
  const std::int64_t dimension = encoder.info().dimension;
  const std::vector<imaging::PixelView> pictures{picture};
  if (encoder.on_device() && view.on_device()) {
    const auto kept = encoder.KeepPixels(pictures, index::PaddedDimension(dimension));
    if (kept.ok()) {
      auto found = view.SearchFromDevice(kept->data.get(), params);
      // A device that is lost between the two steps took the vector with it.
      if (found.status().code() != StatusCode::kUnavailable) return found;
    } else if (kept.status().code() != StatusCode::kUnavailable) {
      return kept.status();
    }
  }
  std::vector<float> vector(static_cast<std::size_t>(dimension));
  ESPY_RETURN_IF_ERROR(encoder.EncodePixels(pictures, vector.data()));
  return view.Search(vector, params);
}

}  // namespace espy::search
