#include "encoders/panels/panel_arena.h"

#include <algorithm>

namespace espy::encoders {
namespace {

constexpr std::int64_t kLine = 64;
constexpr std::int64_t kFloat = sizeof(float);
// What is not touched costs address space alone, so a small model loses nothing; a large one loses
// the part of a large page (2 MiB) at each chunk's end, 3 parts in a hundred.
constexpr std::int64_t kChunk = std::int64_t{64} << 20;

}  // namespace

std::byte* PanelArena::Take(std::int64_t bytes) {
  const std::int64_t needed = (bytes + kLine - 1) / kLine * kLine;
  if (needed > left_) {
    const std::int64_t size = std::max(needed, kChunk);
    chunks_.emplace_back(size / kFloat);
    free_ = reinterpret_cast<std::byte*>(chunks_.back().data());
    left_ = size;
  }
  std::byte* taken = free_;
  free_ += needed;
  left_ -= needed;
  return taken;
}

}  // namespace espy::encoders
