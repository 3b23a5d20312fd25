// Memory for the packed weights of one tower, side by side in large pages.
#ifndef ESPY_ENCODERS_PANELS_PANEL_ARENA_H_
#define ESPY_ENCODERS_PANELS_PANEL_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/aligned_buffer.h"

namespace espy::encoders {

// Each matrix in an allocation of its own would end in a large page that it fills in part: with
// INT8's matrices of 0.6 to 2.4 MB half as much memory again. Here only a chunk ends so.
class PanelArena {
 public:
  // Aligned to 64 bytes, its contents unspecified; valid as long as the arena. Throws
  // std::bad_alloc.
  std::byte* Take(std::int64_t bytes);

 private:
  std::vector<kernels::AlignedBuffer> chunks_;
  std::byte* free_ = nullptr;
  std::int64_t left_ = 0;  // bytes at free_
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_PANELS_PANEL_ARENA_H_
