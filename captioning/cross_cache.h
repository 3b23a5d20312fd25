// What a decoder sees of pictures: the keys and values of its cross-attention, computed once a
// picture and laid out for the kernel that reads them at every step.
#ifndef ESPY_CAPTIONING_CROSS_CACHE_H_
#define ESPY_CAPTIONING_CROSS_CACHE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/packed_attention.h"

namespace espy::captioning {

struct DevicePicture;

// One picture's, for every layer of one decoder. Constant once made: shared by any threads, and by
// as many sequences as look at the picture. In BLIP-base's shapes 42 MB in FP32, 21 MB in BF16.
struct PictureKeys {
  std::vector<kernels::PackedKeyValues> layers;
  std::shared_ptr<const DevicePicture> on_device;  // of a decoder on a GPU, instead
};

// Memory of pictures that are no longer looked at, used again for the next: tens of megabytes that
// would otherwise come new from the system for every picture, page by page. Any thread.
class KeyShelf : public std::enable_shared_from_this<KeyShelf> {
 public:
  // As many are kept as are captioned together.
  static constexpr std::size_t kMost = 8;

  // Made by `fill`, in memory that has been used before where there is some.
  template <class Fill>
  std::shared_ptr<const PictureKeys> Make(const Fill& fill) {
    std::unique_ptr<PictureKeys> picture = Take();
    fill(picture.get());
    return {picture.release(), [shelf = shared_from_this()](PictureKeys* gone) {
              shelf->PutBack(std::unique_ptr<PictureKeys>(gone));
            }};
  }

 private:
  std::unique_ptr<PictureKeys> Take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<PictureKeys>();
    std::unique_ptr<PictureKeys> picture = std::move(free_.back());
    free_.pop_back();
    return picture;
  }
  void PutBack(std::unique_ptr<PictureKeys> picture) {
    std::lock_guard lock(mutex_);
    if (free_.size() < kMost) free_.push_back(std::move(picture));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<PictureKeys>> free_;  // guarded by mutex_
};

// The pictures of one batch of sequences, numbered from 0 in the order of Add. One thread at a
// time.
class CrossCache {
 public:
  std::int32_t Add(std::shared_ptr<const PictureKeys> picture) {
    pictures_.push_back(std::move(picture));
    return static_cast<std::int32_t>(pictures_.size()) - 1;
  }
  std::int64_t pictures() const { return static_cast<std::int64_t>(pictures_.size()); }
  const kernels::PackedKeyValues& At(std::int32_t picture, std::int64_t layer) const {
    return pictures_[static_cast<std::size_t>(picture)]->layers[static_cast<std::size_t>(layer)];
  }
  const std::shared_ptr<const PictureKeys>& Picture(std::int32_t picture) const {
    return pictures_[static_cast<std::size_t>(picture)];
  }
  void Clear() { pictures_.clear(); }

 private:
  std::vector<std::shared_ptr<const PictureKeys>> pictures_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CROSS_CACHE_H_
