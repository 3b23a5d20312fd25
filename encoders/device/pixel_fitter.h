// Decoded pictures fitted to the model on the device: their bytes go up once, with the coefficients
// of their resize, and both passes run there. The fitted bytes are the CPU's.
#ifndef ESPY_ENCODERS_DEVICE_PIXEL_FITTER_H_
#define ESPY_ENCODERS_DEVICE_PIXEL_FITTER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "espy/status.h"
#include "imaging/preprocess.h"
#include "kernels/cuda/stream.h"

namespace espy::encoders {

// Of one pass. Works in a region of `bytes` that lies on the device and, page-locked, on the host:
// what is uploaded grows from its beginning, what is fitted from its end, and between them is what
// the first pass of each resize leaves for the second.
class PixelFitter {
 public:
  PixelFitter(const imaging::PreprocessSpec& spec, std::byte* host, std::byte* device,
              std::size_t bytes)
      : spec_(spec), host_(host), device_(device), bytes_(bytes) {}

  struct Fitted {
    imaging::Size size;
    std::int64_t first = 0;  // of its bytes [height, width, 3] in the region
  };
  // Nothing where the region has no more room. The first picture always finds it: one that is too
  // large to be fitted there, or that is padded with black, is fitted here. The region has room for
  // one fitted picture at least.
  std::optional<Fitted> Add(const imaging::PixelView& picture);

  // Queues the upload and the resizes of all that was added.
  Status Queue(const cuda::Stream& stream) const;

 private:
  struct StagedPass {
    bool horizontal = true;
    std::int64_t first_byte = 0;  // of what it reads
    std::int32_t in_width = 0, width = 0, height = 0, stride = 0;
    std::size_t spans = 0, coefficients = 0;  // in the region
  };
  struct StagedPlan {
    std::vector<StagedPass> passes;
    std::size_t middle_bytes = 0;
  };
  struct Job {
    std::size_t in = 0, out = 0;  // in the region
    const StagedPlan* plan = nullptr;
  };
  // Of the picture and of its size before scaling.
  using Key = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t>;

  bool Fits(std::size_t up, std::size_t down, std::size_t middle) const;
  std::size_t PutBytes(const void* data, std::size_t bytes);
  std::optional<Fitted> AddFittedHere(const imaging::PixelView& picture);

  const imaging::PreprocessSpec& spec_;
  std::byte* const host_;
  std::byte* const device_;
  const std::size_t bytes_;
  std::size_t up_ = 0, down_ = 0, middle_ = 0;  // bytes of each part
  std::map<Key, StagedPlan> plans_;             // pictures of one size share their coefficients
  std::vector<Job> jobs_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_PIXEL_FITTER_H_
