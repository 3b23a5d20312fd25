// The fields of all records of a library, ready to be filtered: derived from the records, made at
// the first question that filters, and kept up by every commit.
//
// A few newest records stand in a tail that is read one by one; the rest in blocks. Eight blocks of
// like size become one, so that there are few. A change of a record marks its row dead and puts the
// new one in the tail. A view never changes: it has its own bitmaps of dead rows and its own tail.
#ifndef ESPY_ENGINE_FIELDS_TABLE_H_
#define ESPY_ENGINE_FIELDS_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/fields/block.h"
#include "engine/where/where.h"
#include "espy/status.h"
#include "index/id_set.h"

namespace espy::fields {

struct Part {
  std::shared_ptr<const Block> block;
  std::shared_ptr<const Bitmap> dead;
};

// What passes a filter.
class Selection final : public index::IdSet {
 public:
  struct Rows {
    std::shared_ptr<const Block> block;
    std::shared_ptr<const Bitmap> rows;
  };
  Selection(std::vector<Rows> parts, std::vector<std::uint64_t> tail);
  std::int64_t size() const override { return size_; }
  bool Contains(std::uint64_t id) const override;
  std::span<const std::uint64_t> Sorted() const override;

 private:
  const std::vector<Rows> parts_;
  const std::vector<std::uint64_t> tail_;  // ascending
  std::int64_t size_ = 0;
  mutable std::once_flag sorted_once_;
  mutable std::vector<std::uint64_t> sorted_;
};

class View {
 public:
  View(std::vector<Part> parts, std::vector<std::shared_ptr<const Record>> tail)
      : parts_(std::move(parts)), tail_(std::move(tail)) {}
  // Block::Answers(filter) must hold.
  std::shared_ptr<const Selection> Select(const where::Filter& filter) const;
  // nullopt when the item is not there.
  std::optional<std::uint64_t> PerceptualHash(std::uint64_t id) const;
  std::uint64_t bytes() const;
  std::size_t blocks() const { return parts_.size(); }
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<std::shared_ptr<const Record>>& tail() const { return tail_; }
  // What columns hold of the record; nullopt when the item is not there.
  std::optional<Record> Find(std::uint64_t id) const;
  std::uint64_t items() const;

 private:
  const std::vector<Part> parts_;
  const std::vector<std::shared_ptr<const Record>> tail_;  // by id
};

// Put, Remove, Publish: one thread at a time. Merge: another. TakeView: any.
class Table {
 public:
  // `block` may be null: an empty library.
  explicit Table(std::shared_ptr<const Block> block = nullptr);
  // As a View gave it.
  Table(const std::vector<Part>& parts, std::vector<Record> tail);

  void Put(Record record);
  void Remove(std::uint64_t id);
  void Publish();
  std::shared_ptr<const View> TakeView() const;

  bool NeedsMerge() const;
  // Merges until there is nothing to merge, or `stop`. Views that are taken after the next Publish
  // have the fewer blocks.
  void Merge(const std::stop_token& stop);

 private:
  struct Held {
    std::shared_ptr<const Block> block;
    std::shared_ptr<Bitmap> dead;
    bool dead_shared = false;  // a view has the bitmap: it is copied before it changes
    bool merging = false;      // Merge reads it
  };

  static std::shared_ptr<const Block> MergeBlocks(const std::vector<Part>& inputs);
  // With mutex_ held:
  void Kill(std::uint64_t id);
  void FreezeTail();
  std::vector<std::size_t> PlanMerge(bool small) const;
  void MergeSmall();
  void SwapIn(const std::vector<Part>& inputs, std::shared_ptr<const Block> output);

  std::mutex merge_mutex_;    // one Merge at a time; before mutex_
  mutable std::mutex mutex_;  // never held over a large merge
  std::vector<Held> parts_;   // guarded, as all that follows
  std::map<std::uint64_t, std::shared_ptr<const Record>> tail_;
  std::shared_ptr<const View> view_;
};

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_TABLE_H_
