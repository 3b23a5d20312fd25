// An Espy library: a directory of pictures' records, vectors and words that can be searched. Start
// here.
//
//   auto library = espy::Library::Open("photos.espy", {.create_if_missing = true});
//   if (!library.ok()) { puts(library.status().message().c_str()); return 1; }
//   auto report = (*library)->Ingest({.paths = {"/home/me/Pictures"}});
//   auto query = espy::ParseQuery({"a dog on grass"});
//   auto result = (*library)->Search(*query, {.k = 5});
//   for (const auto& hit : result->hits) printf("%.3f %s\n", hit.score,
//   hit.record.paths[0].c_str());
//
// Threads: every method may be called from any thread at any time; searches run beside ingest and
// see a consistent state. Methods that change the library fail with InvalidArgument on one opened
// read-only. One process writes: a second writer's Open fails with Unavailable. Nothing here
// throws, prints or exits.
#ifndef ESPY_LIBRARY_H_
#define ESPY_LIBRARY_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/backup.h"
#include "espy/caption.h"
#include "espy/export.h"
#include "espy/feedback.h"
#include "espy/ingest.h"
#include "espy/migrate.h"
#include "espy/options.h"
#include "espy/progress.h"
#include "espy/query.h"
#include "espy/record.h"
#include "espy/status.h"
#include "espy/train.h"
#include "espy/transfer.h"
#include "espy/user_fields.h"

namespace espy {

struct SpaceInfo {           // one model's vector space inside a library
  std::uint32_t number = 0;  // in this library, never given to another space
  std::string state;  // "current"; "migrating": a migration is filling it; "retired": was current,
                      // or is kept; "fed": retired, and new pictures still get a vector in it
  std::uint64_t missing = 0;       // items without a vector in it
  std::uint64_t by_thumbnail = 0;  // items whose vector in it is of the thumbnail kept here
  std::string model;               // the model's name
  std::string id;  // hash of model, preprocessing and tokenizer choices, hexadecimal
  std::int64_t dimension = 0;
  std::string dtype;  // of the stored vectors: "f16" or "f32"
  std::string index;  // its kind, as OpenOptions::index names it; "" when it is not open
  std::uint64_t vectors = 0;
  std::uint64_t sealed_segments = 0;
  std::uint64_t growing = 0;     // vectors in the growing segment
  std::uint64_t tombstones = 0;  // dead rows in sealed segments
  double recall_at_10 = -1;      // of the index against exact search; -1: not measured
  // Recall@10 of the searches that were made, over the last of those that were made again exactly
  // (OpenOptions::recall_share), since the effort last moved. The interval holds the truth 19 times
  // in 20.
  std::uint64_t recall_searches = 0;  // 0: none yet, and the next three say nothing
  double recall_live = -1;
  double recall_low = 0;
  double recall_high = 1;
  std::int64_t effort = 0;  // how many of the best rows an index looks for to answer with ten (a
                            // graph's ef): moved so that recall holds the target
  AdapterInfo adapter;      // of its phrases
};

struct TextInfo {        // the full-text index
  std::string language;  // of its stems
  std::uint64_t items = 0;
  std::uint64_t words = 0;   // different ones, stems among them
  std::uint64_t bytes = 0;   // on disk
  std::uint64_t behind = 0;  // changes that it does not hold yet; the next search for words waits
};

struct LibraryInfo {
  std::string path;
  std::uint32_t format_version = 0;
  std::uint64_t seq = 0;  // the last acknowledged change
  std::uint64_t items = 0;
  std::uint64_t paths = 0;
  std::uint64_t picture_bytes = 0;  // sum of the files' sizes
  std::uint64_t disk_bytes = 0;     // of the library directory
  std::uint64_t failures = 0;
  std::uint64_t disk_quota = 0;     // OpenOptions::disk_quota; 0: none
  std::uint64_t memory_budget = 0;  // OpenOptions::memory_budget; 0: none
  std::uint64_t memory_bytes = 0;   // of the index in this process
  bool auto_compact = true;         // OpenOptions::auto_compact
  std::vector<SpaceInfo> spaces;
  TextInfo text;
  double recall_target = 0;
  std::string device;         // as DeviceDescription(), without the GPU where it is not to be used
  std::string search_device;  // the GPU that segments are searched on; "": the CPU
};

struct ForgetOptions {
  std::vector<std::string> targets;  // paths or item ids
  std::string where;                 // or a filter expression
  bool dry_run = false;
};
struct ForgetReport {
  std::uint64_t forgotten = 0;
  std::vector<Record> records;  // those forgotten, or that would be
};

struct TagCount {
  std::string tag;
  std::uint64_t items = 0;
};

struct VerifyReport {
  std::uint64_t items = 0;
  std::uint64_t vectors = 0;          // in the current space
  std::uint64_t other_vectors = 0;    // in the others
  std::uint64_t segments = 0;         // in all
  std::vector<std::string> problems;  // one sentence each; empty: the library is sound
  std::vector<std::string> repaired;
};

struct CompactReport {
  std::uint64_t disk_bytes_before = 0;
  std::uint64_t disk_bytes_after = 0;
  std::uint64_t tombstones_dropped = 0;
};

// "none", "arabic", ..., "english" (a new library's), ...
ESPY_EXPORT std::vector<std::string> TextLanguages();

class ESPY_EXPORT Library {
 public:
  // Opens the directory `path`. Errors: NotFound (no library there and not to be created),
  // Unavailable (another process writes), Unsupported (a newer format), Corruption (with the
  // remedy), InvalidArgument (the model).
  static Result<std::unique_ptr<Library>> Open(const std::string& path,
                                               const OpenOptions& options = {});
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // Takes what is new or changed. A bad file is counted and journalled, not an error. Stops cleanly
  // soon after `stop` is requested: everything acknowledged stays, and the next run goes on from
  // there.
  Result<IngestReport> Ingest(const IngestOptions& options, const IngestProgressFn& progress = {},
                              std::stop_token stop = {});

  // Takes vectors that another program made, without their pictures. All or nothing: on return they
  // are durable and searched, and an item that cannot be taken (another dimension, a zero vector)
  // fails the whole batch with InvalidArgument. Batches of about 1,000 are quickest. What the
  // library holds just so is not written again.
  Result<ImportReport> Import(std::span<const ImportItem> items, const ImportOptions& options = {});
  // The same from files, batch by batch. A bad line or row is counted and named, not an error.
  Result<ImportReport> ImportFiles(const ImportFilesOptions& options,
                                   const ProgressFn& progress = {}, std::stop_token stop = {});
  // Writes what the library held at one moment into files for other programs, or for ImportFiles: a
  // library made from them gives the same answers, bit for bit. Thumbnails and failures stay.
  Result<ExportReport> Export(const ExportOptions& options, const ProgressFn& progress = {},
                              std::stop_token stop = {});

  // A library opened read-only sees what its writer had acknowledged when it was opened. This takes
  // it on to what another process's writer has acknowledged by now: true when that was more.
  // Searches that run go on with what they began with; those that begin after it see the new state.
  // It costs the opening of the store's files (tens of milliseconds) where anything was written,
  // and looking at their names where nothing was; then in proportion to the changes, or what
  // opening costs where they are many. After an error the library answers as before. Opened for
  // writing: false, always.
  Result<bool> Refresh();

  Result<SearchResult> Search(const Query& query, const SearchOptions& options = {});
  Result<std::vector<DuplicateGroup>> Duplicates(const DuplicateOptions& options = {});

  Result<Record> Get(ItemId id);
  // The item that a path, or an id in hexadecimal, names. A path may be relative to the current
  // directory.
  Result<Record> Find(const std::string& path_or_id);
  Result<std::vector<Record>> List(const std::string& where, std::uint64_t limit = 0);
  Result<std::string> Thumbnail(ItemId id);  // JPEG bytes, longest side 256 pixels
  // Unit length, in the current space or in the one named as in SearchOptions::space.
  Result<std::vector<float>> Vector(ItemId id, const std::string& space = "");

  Result<ForgetReport> Forget(const ForgetOptions& options);
  Result<Record> Tag(ItemId id, const std::vector<std::string>& add,
                     const std::vector<std::string>& remove);
  // Gives items fields, or takes them away. A value that is not of the type that a name has in this
  // library is InvalidArgument, and nothing of its batch is changed; items are taken 256 at a time.
  // A person's caption, at most 4 KiB without NUL bytes; "" takes it away. It outranks any model's,
  // and no model's ever replaces it.
  Result<Record> SetCaption(ItemId id, const std::string& text);
  // Captions what has none of a person's or of this model's: about a picture's cost of the model an
  // item, in transactions of a batch, so that a run that was stopped or killed goes on. Searches
  // and changes may run meanwhile. InvalidArgument, NotFound or Unsupported say what is wrong with
  // the model; a picture that fails is journalled, and does not end the run.
  Result<CaptionReport> Caption(const CaptionOptions& options, const ProgressFn& progress = {},
                                std::stop_token stop = {});
  Result<SetFieldsReport> SetFields(const SetFieldsOptions& options);
  Result<std::vector<TagCount>> Tags();  // most used first
  Result<std::vector<Failure>> Failures();

  // Durable when it returns, all of it or nothing. NotFound: the search was not logged, or its page
  // is gone; InvalidArgument: the page did not show the item. ResourceExhausted: a client that is
  // named gave more than 300 within a minute; the rest of the minute is to be waited for.
  Status GiveFeedback(std::span<const Feedback> feedback);
  // Learns an order from the logged pages and what was done with them, judges it on the newest
  // three tenths, which it has not seen, and switches it on where it surely earns more than what
  // ranks now. Pages beyond the newest 50,000, or older than a year, are dropped.
  Result<LearnReport> Learn(const LearnOptions& options = {}, const ProgressFn& progress = {},
                            std::stop_token stop = {});
  Result<std::vector<PolicyInfo>> Policies();  // similarity first, then by version
  // 0: similarity, whose order is then what it was before anything was learned, bit for bit.
  Status UsePolicy(std::uint64_t version);
  // A policy as bytes for another library of the same model, and back: its version there. It is
  // not switched on. InvalidArgument for one that was learned on other features.
  Result<std::string> ExportPolicy(std::uint64_t version);
  Result<std::uint64_t> ImportPolicy(const std::string& bytes);
  Result<ClickSettings> GetClickSettings();
  Status SetClickSettings(const ClickSettings& settings);
  Result<ClickCounts> CountClicks();
  // Every page that is logged, and what was done with it, as of one moment. Nothing is written when
  // it fails or is stopped (Cancelled).
  Result<ClickExportReport> ExportClicks(const ClickExportOptions& options,
                                         const ProgressFn& progress = {},
                                         std::stop_token stop = {});

  // Adds a generation to a folder of backups (espy/backup.h) while the library is in use: by this
  // process, and, when this opening is read-only, by another one too. What was acknowledged before
  // the call is in it. Stopped or killed, it leaves the earlier generations whole.
  Result<BackupReport> Backup(const BackupOptions& options, const ProgressFn& progress = {},
                              std::stop_token stop = {});

  // measure_recall: compares the index with exact search on a sample of the library's own vectors
  // (seconds).
  Result<LibraryInfo> Info(bool measure_recall = false);
  // The recall@10 that the effort is moved to hold: 0.5 to 0.9999. Kept in the library.
  Status SetRecallTarget(double target);
  // Checksums, rows, references, and every item in the index. Works read-only unless it is to
  // repair.
  Result<VerifyReport> Verify(bool repair = false, const ProgressFn& progress = {},
                              std::stop_token stop = {});
  // Makes the indexes again, of vectors and of words; until each is done, and when stopped, the old
  // one serves.
  Status Rebuild(const ProgressFn& progress = {}, std::stop_token stop = {});
  // The language whose stems words are looked up by: one of TextLanguages(). The text index is made
  // again; stopped, that goes on with the next opening.
  Status SetTextLanguage(const std::string& language, const ProgressFn& progress = {},
                         std::stop_token stop = {});
  // Seals the growing segment, drops dead rows, and gives back disk space.
  Result<CompactReport> Compact(const ProgressFn& progress = {}, std::stop_token stop = {});
  // Until no segment is being built; the last build's outcome. Cancelled when stopped: the next
  // opening goes on building.
  Status WaitForBackground(const ProgressFn& progress = {}, std::stop_token stop = {});

  // Makes the model's space the library's current one: gives every item that has none a vector in
  // it, builds its index, and switches in one step. Meanwhile searches answer from the old space,
  // and ingests write for both. Stopped or killed it has lost only what was under way: the next
  // call goes on. With the current model it embeds what lacks a vector, or has only a thumbnail's.
  // `model` is a name or a directory, or a space of the library. Unavailable: pictures failed and
  // are not allowed to, or another migration runs. The old space stays, until it is dropped.
  Result<MigrationReport> UseModel(const std::string& model, const MigrationOptions& options = {},
                                   const ProgressFn& progress = {}, std::stop_token stop = {});
  // The same for the model that was current before: at once, when every item has its vector there.
  Result<MigrationReport> RollBack(const MigrationOptions& options = {},
                                   const ProgressFn& progress = {}, std::stop_token stop = {});
  // UseModel on a thread of the library's own; closing the library stops it. WaitForMigration tells
  // its outcome, or NotFound when none was started; Cancelled when the waiting was stopped.
  Status StartUseModel(const std::string& model, const MigrationOptions& options = {});
  Result<MigrationReport> WaitForMigration(const ProgressFn& progress = {},
                                           std::stop_token stop = {});
  void StopMigration();  // the one in the background: returns at once
  // Frees the vectors and the index of a space (a model's name, a space's id or number) that is not
  // the current one: what a migration left half-done, or what one retired.
  Result<DropReport> DropSpace(const std::string& name);

  // Trains an adapter for the current space on this library's tags and captions, and keeps it when
  // it finds pictures that it never saw better than the library does without one: in
  // AdapterReport::kept. InvalidArgument when there is too little to learn from and to judge by.
  // Stopped, it leaves a checkpoint and returns Cancelled; the next call goes on, when tags and
  // captions are still the same.
  Result<AdapterReport> TrainAdapter(const AdapterOptions& options = {},
                                     const ProgressFn& progress = {}, std::stop_token stop = {});
  // Phrases of the current space mean again what its model says. NotFound when there is no adapter.
  Status RemoveAdapter();

  class Impl;

 private:
  explicit Library(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace espy

#endif  // ESPY_LIBRARY_H_
