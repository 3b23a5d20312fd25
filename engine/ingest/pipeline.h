// Ingest as threads and queues:
//
//   walk -> [sources] -> read + hash -> [bytes] -> decode -> [pictures] -> encode in batches, and
//   caption where that is wanted -> [rows] -> commit
//
// Queues are bounded by bytes, so a slow stage holds back the ones before it and memory stays flat.
// Identity is looked up twice: by path and facts in the walk (an unchanged file is not read), by
// content hash after reading (a known one is not decoded). Failures travel as rows. On a stop the
// walk ends and what is under way drains; a fatal error (a full disk, a model that fails) ends
// everything and is returned.
#ifndef ESPY_ENGINE_INGEST_PIPELINE_H_
#define ESPY_ENGINE_INGEST_PIPELINE_H_

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/bounded_queue.h"
#include "engine/caption/row_captions.h"
#include "engine/feeds.h"
#include "engine/ingest/committer.h"
#include "engine/ingest/row.h"
#include "engine/ingest/source.h"
#include "engine/library_impl.h"
#include "espy/ingest.h"

namespace espy::ingest {

class Pipeline {
 public:
  Pipeline(Library::Impl* library, const IngestOptions& options, std::stop_token stop);
  ~Pipeline();

  // Runs to the end; progress is called on this thread.
  Status Run(const IngestProgressFn& progress);
  IngestReport TakeReport() { return std::move(report_); }

 private:
  void WalkStage();
  void ReadStage();
  void DecodeStage();
  void EncodeStage();
  void CommitStage();

  void RunStage(void (Pipeline::*stage)());
  void Finished();
  Status Prepare();
  bool OfferSource(Source source);
  bool IsFromThumbnail(ItemId id) const;
  Status Encode(std::vector<Row>* rows);
  Status Caption(std::vector<Row>* rows);
  void FailRow(const Source& source, Status status, bool remembered = false);
  void SetFatal(Status status);
  void WatchProgress(const IngestProgressFn& progress);
  Status Finish();

  Library::Impl* const library_;
  const IngestOptions& options_;
  std::stop_source stop_;  // requested by the caller's stop or by a fatal error
  const std::stop_token caller_stop_;
  // Set before the threads start; none in a dry run.
  std::unique_ptr<Feeds> feeds_;
  std::vector<imaging::PreprocessSpec> other_specs_;  // of the feeds after the first, and captions_
  std::unique_ptr<caption::RowCaptions> captions_;    // null: none are wanted
  std::vector<std::string> roots_;                    // absolute; those that are folders are swept
  std::vector<std::string> folders_;
  std::unordered_map<std::string, storage::FailureRow> failures_;  // constant while the threads run

  BoundedQueue<Source> sources_;
  BoundedQueue<Row> pictures_;
  BoundedQueue<Row> rows_;
  struct Bytes {
    Source source;
    ContentHash hash{};
  };
  BoundedQueue<Bytes> bytes_;

  std::atomic<int> readers_{0},
      decoders_{0};  // threads of a stage still running: the last one closes the next queue
  std::atomic<std::uint64_t> found_{0}, done_{0}, unchanged_{0}, skipped_{0}, bytes_read_{0};
  std::atomic<std::uint64_t> added_{0}, failed_{0};
  std::atomic<std::uint64_t> known_dry_{0}, added_dry_{0}, replaced_dry_{0}, retaken_dry_{0};
  std::atomic<std::int64_t> decode_ns_{0}, encode_ns_{0}, commit_ns_{0};
  std::atomic<bool> walk_done_{false};

  std::mutex mutex_;
  std::condition_variable finished_cv_;
  bool finished_ = false;  // guarded by mutex_
  Status fatal_;           // guarded by mutex_

  IngestReport report_;  // the committer's, until the threads are joined
  Committer committer_;
};

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_PIPELINE_H_
