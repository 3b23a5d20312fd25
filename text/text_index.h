// Full-text search over an item's caption, tags, file and folder names: SQLite's FTS5 in a folder
// of its own.
//
// Derived: everything here can be made again from the records. What is in it stands for one
// position of the library's log, which is written in the same transaction as the documents, so that
// after a crash it holds exactly what it says it holds. It is not synced with every change: a power
// cut may take it back to an earlier position, from which the log goes on.
#ifndef ESPY_TEXT_TEXT_INDEX_H_
#define ESPY_TEXT_TEXT_INDEX_H_

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "text/query.h"
#include "text/score.h"

namespace espy::text {

// More of one field is not looked at.
inline constexpr std::size_t kMaxFieldBytes = 1 << 20;

struct Document {
  std::uint64_t id = 0;                      // below 2^63
  std::uint64_t seq = 0;                     // of the record that it was made from
  std::array<std::string, kColumns> fields;  // by Column; values with kValueBreak between
  friend bool operator==(const Document&, const Document&) = default;
};

// Bytes as they may stand in a field: without breaks and zeros, cut to kMaxFieldBytes.
void AppendValue(std::string_view value, std::string* field);

// Which part of the library's log is in the index.
struct Position {
  std::uint64_t seq = 0;   // the last entry that is; 0: none
  std::uint64_t item = 0;  // that this entry spoke of: another library's log would differ
  // While the index is being made from all records in order of id: the last one taken. seq is then
  // where the log must be followed from afterwards.
  std::optional<std::uint64_t> building;
  friend bool operator==(const Position&, const Position&) = default;
};

struct Batch {
  std::vector<Document> puts;  // replace what was there under their id; of two the later holds
  std::vector<std::uint64_t> removes;
  Position position;  // after this batch
};

struct TextSearchParams {
  std::size_t k = 10;
  std::function<bool(std::uint64_t)> allowed;  // empty: every document
};

struct TextMatches {
  std::vector<Match> best;  // best first; equal scores in order of id
  std::uint64_t found = 0;  // documents that match and are allowed
  std::string words;        // what was looked for, as a line for people
};

class TextIndex;

// The index at one position, for as long as it is held. Any thread; searches that find no spare
// connection wait for each other.
class TextView {
 public:
  ~TextView();
  const Position& position() const { return position_; }
  std::uint64_t documents() const { return documents_; }
  const std::string& language() const;
  const std::shared_ptr<TextIndex>& index() const { return index_; }

  // Corruption when the file is damaged: make the index again.
  Result<TextMatches> Search(const TextQuery& query, const TextSearchParams& params) const;
  // NotFound when there is none.
  Result<Document> Get(std::uint64_t id) const;
  // Every id, sorted.
  Result<std::vector<std::uint64_t>> Ids() const;

 private:
  friend class TextIndex;
  struct Reader;
  class Lease;
  TextView(std::shared_ptr<TextIndex> index, Position position);

  const std::shared_ptr<TextIndex> index_;
  const Position position_;
  std::uint64_t documents_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable freed_;
  mutable std::vector<std::unique_ptr<Reader>> free_;  // guarded by mutex_
};

// Threads: any; changes wait for each other, and never for searches.
class TextIndex : public std::enable_shared_from_this<TextIndex> {
 public:
  enum class Mode { kWrite, kRead };
  // Opens the index in `directory`; made there when it may be written and there is none. `language`
  // is that of the stemmer; when reading, "" takes whatever it is.
  // Errors: NotFound (none there, and only to be read), Corruption (damaged, or made by another
  // version or for another language: Destroy and open again), InvalidArgument (the language).
  static Result<std::shared_ptr<TextIndex>> Open(const std::string& directory, Mode mode,
                                                 const std::string& language);
  // A copy in memory that goes its own way, for one who may not write; of nothing when `from` is
  // null.
  static Result<std::shared_ptr<TextIndex>> OpenPrivate(const TextView* from,
                                                        const std::string& language);
  // Removes the index's files, and nothing else.
  static Status Destroy(const std::string& directory);

  ~TextIndex();

  Result<Position> position();
  const std::string& language() const { return language_; }

  // One transaction. After an error nothing of it is there.
  Status Apply(const Batch& batch);
  // Replaces everything, in one transaction: fill hands over batches, and until it returned OK the
  // old index serves.
  using Add = std::function<Status(const Batch&)>;
  Status Rebuild(const std::function<Status(const Add&)>& fill);

  // As it stands.
  Result<std::shared_ptr<const TextView>> TakeView();

  // Reads every page, and every document against every list that names it: OK or Corruption. Needs
  // an index that may be written; for one that may not, a private copy of a view.
  Status Check();

  struct Stats {
    std::uint64_t documents = 0;
    std::uint64_t words = 0;  // different tokens, stems among them
    std::uint64_t bytes = 0;  // on disk, or in memory for a private one
  };
  Result<Stats> stats();

 private:
  friend class TextView;
  struct Writer;
  TextIndex(std::string address, std::string language, bool writes);
  Status OpenWriter();
  Status ApplyLocked(const Batch& batch);
  Result<std::unique_ptr<TextView::Reader>> OpenReader();
  Result<std::unique_ptr<TextView::Reader>> TakeReader();  // a pooled one, in no transaction
  void GiveBack(std::unique_ptr<TextView::Reader> reader);

  // Constant after opening.
  const std::string address_;  // of the database, as SQLite takes it
  std::string language_;
  const bool writes_;

  std::mutex change_mutex_;         // held through a change, and while a view is taken
  std::unique_ptr<Writer> writer_;  // guarded by change_mutex_

  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<TextView::Reader>> pool_;  // guarded by pool_mutex_
};

}  // namespace espy::text

#endif  // ESPY_TEXT_TEXT_INDEX_H_
