// The table of fields kept in the store, so that a process need not read every record before it can
// answer its first filter. Derived: what is missing, damaged or of another version is made again
// from the records, and no one is told.
#ifndef ESPY_ENGINE_STORED_FIELDS_H_
#define ESPY_ENGINE_STORED_FIELDS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/fields/table.h"
#include "engine/fields/table_format.h"
#include "storage/store.h"

namespace espy {

// A table and the sequence number up to which it holds.
struct FieldsAt {
  std::shared_ptr<fields::Table> table;
  std::uint64_t seq = 0;
};

// Threads: any; loading and saving take turns.
class StoredFields {
 public:
  // The store must outlive it.
  explicit StoredFields(storage::Store* store) : store_(store) {}

  // What is stored; `table` is null when nothing is, or nothing that can be used: `why`, which may
  // be null, says why not.
  FieldsAt Load(Status* why = nullptr);
  // Writes the blocks that are not there yet, then what changed, then names them in one batch that
  // drops what they replace. Stopped or failed, it leaves what was stored before.
  Status Save(const fields::View& view, std::uint64_t seq, const std::stop_token& stop);
  Status Clear();

  // How many changes the store is ahead of what is stored, and how many items that holds.
  std::uint64_t Behind();
  std::uint64_t items() const { return items_.load(std::memory_order_relaxed); }
  // The store's newest state is another than when this was asked last: of a reader that follows.
  void Forget();

 private:
  struct Known {
    std::weak_ptr<const fields::Block> block;
    fields::StoredPart part;
  };
  // With mutex_ held:
  void Peek();  // the manifest, once
  void SetManifest(std::optional<fields::Manifest> manifest);
  Result<FieldsAt> LoadParts();
  Result<std::shared_ptr<const fields::Block>> LoadBlock(const fields::StoredPart& part);
  fields::SectionReader ReaderOf(const fields::StoredPart& part) const;
  Status SaveParts(const fields::View& view, std::uint64_t seq, const std::stop_token& stop);
  Status ChooseNumbers();

  storage::Store* const store_;
  std::mutex mutex_;
  std::optional<fields::Manifest> manifest_;  // guarded, as all that follows; nullopt: none
  Status unreadable_;                         // why there is none, when something is stored
  std::vector<Known> known_;                  // blocks that are stored, of tables that live
  std::uint64_t next_ = 0;                    // 0: not known yet
  std::vector<std::uint64_t> orphans_;        // written, and named by no manifest
  std::atomic<bool> peeked_{false};           // written with mutex_ held, as the next two
  std::atomic<std::uint64_t> seq_{0}, items_{0};
};

}  // namespace espy

#endif  // ESPY_ENGINE_STORED_FIELDS_H_
