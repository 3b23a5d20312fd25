// Places in memory that lies elsewhere (a GPU's arena of keys and values), handed out a row at a
// time: a page table whose pages are one token. A row of keys and values is kilobytes long, so
// that larger pages would gain nothing, and sequences that begin alike share their rows.
#ifndef ESPY_CAPTIONING_SLOT_POOL_H_
#define ESPY_CAPTIONING_SLOT_POOL_H_

#include <cstdint>
#include <mutex>
#include <vector>

namespace espy::captioning {

// Any thread.
class SlotPool {
 public:
  explicit SlotPool(std::int32_t slots);

  // A slot that nobody holds. Throws std::bad_alloc when there is none.
  std::int32_t Take();
  // One more that holds it.
  void Share(std::int32_t slot);
  // One fewer; with the last it is free.
  void Give(std::int32_t slot);

  std::int32_t size() const { return static_cast<std::int32_t>(holders_.size()); }
  std::int32_t free() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::int32_t> holders_;  // of each slot; guarded by mutex_
  std::vector<std::int32_t> free_;     // guarded by mutex_
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_SLOT_POOL_H_
