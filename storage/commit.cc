// Commits in groups: whoever comes first while no one leads takes all that wait, numbers them in
// order, writes them as one batch with one sync, and wakes the rest. The batch order is the
// sequence order, so the log on disk is always a prefix of the sequence. Sharing at this level, and
// not in RocksDB's own write groups, is what lets the rows hold their numbers.
#include <sys/statvfs.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

constexpr std::size_t kMaxGroupBytes =
    8u << 20;  // a group ends here: the first in it must not wait for all to be copied

// What must stay free beside a commit itself: the tables that memtables become.
constexpr std::uint64_t kSpareBytes = 16u << 20;

Status NoMemory() {
  return Status::ResourceExhausted("commit: there is not enough memory; nothing of it was made");
}

template <class T>
Status Reserve(std::vector<T>* vector, std::size_t size) {
  try {
    vector->reserve(size);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  return Status::Ok();
}

}  // namespace

Result<std::uint64_t> RocksStore::Commit(Transaction transaction) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  Waiting me;
  me.state = transaction.state_.get();
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(&me);
  while (!me.done) {
    if (leader_active_) {
      queue_turn_.wait(lock);
      continue;
    }
    std::vector<Waiting*> group;
    Status status = Reserve(&group, queue_.size());
    if (!status.ok()) {  // whoever waits behind leads instead
      std::erase(queue_, &me);
      queue_turn_.notify_all();
      return status;
    }
    leader_active_ = true;
    for (std::size_t bytes = 0; !queue_.empty() && bytes < kMaxGroupBytes;) {
      bytes += queue_.front()->state->bytes;
      group.push_back(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    try {
      status = WriteGroup(group);
    } catch (const std::bad_alloc&) {
      status = NoMemory();
    }
    lock.lock();
    for (Waiting* member : group) {
      member->status = status;
      member->done = true;
    }
    leader_active_ = false;
    queue_turn_.notify_all();
  }
  lock.unlock();
  if (!me.status.ok()) return me.status;
  return me.last_seq;
}

Status RocksStore::WriteGroup(const std::vector<Waiting*>& group) {
  std::size_t bytes = 0;
  for (const Waiting* member : group) {
    bytes +=
        member->state->bytes + 16 * member->state->rows.size() + 32 * member->state->log.size();
  }
  rocksdb::WriteBatch batch(bytes);
  std::uint64_t seq = last_seq();
  for (Waiting* member : group) {
    Transaction::State& state = *member->state;
    // In order of key, a memtable finds the place of a row beside that of the one before.
    std::stable_sort(state.rows.begin(), state.rows.end(),
                     [&](const Transaction::State::Row& a, const Transaction::State::Row& b) {
                       return a.family != b.family ? a.family < b.family
                                                   : state.KeyOf(a) < state.KeyOf(b);
                     });
    for (const Transaction::State::Row& row : state.rows) {
      if (row.numbered_by != 0) {
        SetRecordSeq(state.text.data() + row.key_at + row.key_bytes, seq + row.numbered_by);
      }
      const std::string_view key = state.KeyOf(row);
      const rocksdb::Status added =
          row.remove ? batch.Delete(db_->handle(row.family), key)
                     : batch.Put(db_->handle(row.family), key, state.ValueOf(row));
      ESPY_RETURN_IF_ERROR(db_->ToStatus(added));
    }
    for (LogEntry& entry : state.log) {
      entry.seq = ++seq;
      ESPY_RETURN_IF_ERROR(
          db_->ToStatus(batch.Put(db_->handle(kLog), Key64(entry.seq), EncodeLogEntry(entry))));
    }
    member->last_seq = seq;
  }
  if (batch.Count() == 0) return Status::Ok();
  if (seq != last_seq()) {
    ESPY_RETURN_IF_ERROR(
        db_->ToStatus(batch.Put(db_->handle(kMeta), kLastSeqKey, EncodeNumber(seq))));
  }
  ESPY_RETURN_IF_ERROR(Write(&batch, options_.sync));
  last_seq_.store(seq, std::memory_order_release);
  if (acked_ != nullptr) acked_->Set(seq);
  return Status::Ok();
}

Status RocksStore::Write(rocksdb::WriteBatch* batch, bool sync) {
  std::lock_guard lock(write_mutex_);
  ESPY_RETURN_IF_ERROR(RequireSpace(batch->GetDataSize()));
  if (needs_resume_) {
    ESPY_RETURN_IF_ERROR(db_->Resume());
    needs_resume_ = false;
  }
  rocksdb::WriteOptions write;
  write.sync = sync;
  if (broken_) {
    return Status::ResourceExhausted(directory_ +
                                     ": memory ran out in the midst of a write; close the library, "
                                     "then run it again");
  }
  broken_ = true;  // until RocksDB returns: after an exception its queue of writers is not usable
  rocksdb::Status status = (*db_)->Write(write, batch);
  broken_ = false;
  // A flush in the background may have failed since the last write; then this one did not begin.
  if (!status.ok() && !db_->log_broken() && db_->Resume().ok())
    status = (*db_)->Write(write, batch);
  if (!status.ok()) {
    needs_resume_ = true;
    return db_->ToStatus(status);
  }
  unflushed_bytes_ += batch->GetDataSize();
  if (unflushed_bytes_ >= flush_bytes_) {
    // All families at this point of the log, in the background. What fails there shows at the next
    // write; this one is done.
    rocksdb::FlushOptions flush;
    flush.wait = false;
    if ((*db_)->Flush(flush, db_->own_handles()).ok()) unflushed_bytes_ = 0;
  }
  return Status::Ok();
}

// A full disk is best met before the log is: a write that fails there costs a new log, and perhaps
// an opening.
Status RocksStore::RequireSpace(std::uint64_t bytes) const {
  struct statvfs disk;
  if (::statvfs(directory_.c_str(), &disk) != 0) return Status::Ok();  // the write will tell
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t needed = bytes + kSpareBytes;
  if (free >= needed) return Status::Ok();
  return Status::IoError(directory_ + ": its disk has " + std::to_string(free >> 20) +
                         " MB left, and " + std::to_string(needed >> 20) +
                         " MB are needed; free space on it, then run it again");
}

Status RocksStore::RequireWritable() const {
  if (!options_.read_only) return Status::Ok();
  return Status::InvalidArgument(directory_ +
                                 ": the library is open for reading only; open it for writing");
}

}  // namespace espy::storage
