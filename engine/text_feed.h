// Feeds the words of records to the text index, and hands out views of it that fit a snapshot.
//
// The only place where text/ and storage/ meet. A writer's index follows the log in batches, beside
// ingest, in a thread that starts with the first change; a search that needs it further waits for
// the rest. A reader looks at the index before it opens the store, so that the store is never the
// older of the two; where the index is behind, it goes on in a private copy.
#ifndef ESPY_ENGINE_TEXT_FEED_H_
#define ESPY_ENGINE_TEXT_FEED_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/lull.h"
#include "espy/library.h"
#include "storage/store.h"
#include "text/text_index.h"

namespace espy {

// What of a record is searched by words.
text::Document DocumentOf(const Record& record);

class TextFeed {
 public:
  // Log entries or records in one transaction; a search waits for no more than one.
  static constexpr std::size_t kBatchItems = 1000;
  using Newest = std::function<std::shared_ptr<const storage::Snapshot>()>;

  // For a reader this looks at what is there: call it before the store is opened.
  TextFeed(std::string library, bool read_only);
  ~TextFeed();
  // Once, before anything else. `newest` is what searches see now; any thread.
  void Attach(storage::Store* store, Newest newest);
  // Of a reader whose store is about to go on: looks again at what is there. A copy of its own goes
  // on along the log.
  void LookAgain();

  // A change was made: follow it in the background, once changes pause or two seconds later.
  void Wake();
  // Stops following. What little is missing is made good first, a lot is left to the next opening.
  void Stop();

  // The index at exactly the snapshot; null when it has gone beyond, and a newer snapshot is to be
  // taken. A damaged index is made again first.
  Result<std::shared_ptr<const text::TextView>> ViewAt(const storage::Snapshot& snapshot);
  // What a search found damaged is made again by the next ViewAt.
  void Distrust();

  // Until the index stands at the newest snapshot.
  Status CatchUp(const ProgressFn& progress, const std::stop_token& stop);
  // Makes the index again from the records, for the language that is set now.
  Status Rebuild(const ProgressFn& progress, const std::stop_token& stop);
  // Sentences about what is wrong with the index; none: it holds what the records say.
  Result<std::vector<std::string>> Verify(const storage::Snapshot& snapshot,
                                          const std::stop_token& stop);
  Result<TextInfo> Info();

 private:
  void Look();
  void Run(const std::stop_token& stop);
  Status OpenLocked();
  Status OpenWriterLocked();
  Status OpenReaderLocked();
  void DropLocked(const Status& why);
  // Takes at most max_items further; true when the snapshot is reached.
  Result<bool> FollowLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                            const ProgressFn& progress, const std::stop_token& stop);
  Result<bool> FollowOnceLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                                const ProgressFn& progress, const std::stop_token& stop);
  Result<bool> BuildLocked(text::Position position, const storage::Snapshot& snapshot,
                           std::size_t max_items, const ProgressFn& progress,
                           const std::stop_token& stop);
  Result<bool> ReplayLocked(const text::Position& position, const storage::Snapshot& snapshot,
                            std::size_t max_items, const ProgressFn& progress,
                            const std::stop_token& stop);
  // The position at which the log stands at `seq`; NotFound when the log has no such entry.
  Result<text::Position> PositionAt(std::uint64_t seq, const storage::Snapshot* snapshot);
  Result<bool> Continues(const text::Position& position);
  Status Truth(Status status);  // remembers that it was the store that failed

  const std::string library_;
  const std::string directory_;
  const bool read_only_;
  storage::Store* store_ = nullptr;  // constant after Attach
  Newest newest_;                    // likewise

  std::mutex mutex_;
  std::shared_ptr<text::TextIndex> index_;       // guarded by mutex_
  std::shared_ptr<const text::TextView> view_;   // guarded by mutex_: the last one given out
  std::shared_ptr<const text::TextView> found_;  // guarded by mutex_: a reader's last look
  Status look_;                                  // guarded by mutex_: its outcome
  std::string copied_language_;                  // guarded by mutex_: of index_, for a reader
  bool truth_failed_ = false;                    // guarded by mutex_

  Lull lull_;  // of the writers: following begins in it

  std::mutex wake_mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;   // guarded by wake_mutex_
  std::jthread thread_;  // started under wake_mutex_
};

}  // namespace espy

#endif  // ESPY_ENGINE_TEXT_FEED_H_
