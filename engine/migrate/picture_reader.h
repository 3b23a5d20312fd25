// The pictures of a list of items, read and fitted ahead by threads of their own:
//
//   items -> find, archives read once for all their members -> [bytes] -> decode + fit -> Pop
#ifndef ESPY_ENGINE_MIGRATE_PICTURE_READER_H_
#define ESPY_ENGINE_MIGRATE_PICTURE_READER_H_

#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/env.h"
#include "engine/migrate/held_picture.h"
#include "engine/migrate/wanted.h"
#include "engine/out_of_memory.h"
#include "espy/record.h"
#include "imaging/preprocess.h"
#include "storage/store.h"

namespace espy::migrate {

class PictureReader {
 public:
  struct Picture {
    ItemId id = kNoItem;
    Record record;           // as it was when the picture was read
    bool forgotten = false;  // there is no such item any more: nothing else is set
    Status failure;          // of this picture
    HeldPicture held;        // when that is OK
  };

  // `wanted`, in order of path, must outlive the reader. Any thread may pop.
  PictureReader(Env* env, storage::Store* store, const imaging::PreprocessSpec& spec,
                bool from_thumbnails, int threads, const std::vector<Wanted>& wanted);
  ~PictureReader();
  PictureReader(const PictureReader&) = delete;
  PictureReader& operator=(const PictureReader&) = delete;

  // In no particular order; nothing when all were given, or after Stop.
  std::optional<Picture> Pop() { return pictures_.Pop(); }
  std::optional<Picture> TryPop() { return pictures_.TryPop(); }  // nothing either when none waits
  void Stop();
  // That the store could not be read, which ends the reading; after Pop gave nothing.
  Status status();

 private:
  struct Job {
    ItemId id = kNoItem;
    std::optional<std::string> bytes;  // read already, from an archive
    std::string past;                  // a path that was tried in vain
  };

  void FindAll(std::span<const Wanted> wanted);
  void FindInArchive(std::span<const Wanted> members);
  // Stops for an error that is not a picture's own.
  void End(Status why);
  template <class Work>
  void Guarded(const Work& work) {
    try {
      work();
    } catch (const std::bad_alloc&) {
      End(OutOfMemory("reading pictures"));
    }
  }
  bool Offer(Job job);
  void DecodeAll();
  Result<Picture> Read(Job job);

  Env* const env_;
  storage::Store* const store_;
  const imaging::PreprocessSpec spec_;
  const bool from_thumbnails_;
  std::stop_source stop_;
  BoundedQueue<Job> jobs_;
  BoundedQueue<Picture> pictures_;
  std::atomic<int> decoders_;
  std::mutex mutex_;
  Status status_;  // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_PICTURE_READER_H_
