// Opening, changing and making the index again.
#include "text/text_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <unordered_map>

#include "base/env.h"
#include "base/status_macros.h"
#include "text/analyzer.h"
#include "text/reader.h"
#include "text/schema.h"
#include "text/tokenizer.h"

namespace espy::text {
namespace {

// Pages of the log that are folded into the file at once, as a reader allows it.
constexpr char kWriterSettings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;"
    "PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 16777216;";
constexpr char kPrivateSettings[] = "PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;";

std::string FileAddress(const std::string& path) {
  // SQLite reads "file:" addresses as URIs: what they would give a meaning to is escaped.
  std::string address = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      static constexpr char kDigits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      address += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      address += c;
    }
  }
  return address;
}

bool FileIsThere(const std::string& path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0;
}

}  // namespace

void AppendValue(std::string_view value, std::string* field) {
  if (field->size() >= kMaxFieldBytes) return;
  if (!field->empty()) *field += kValueBreak;
  for (const char c : value.substr(0, kMaxFieldBytes - field->size())) {
    *field += c == kValueBreak || c == '\0' ? ' ' : c;
  }
}

struct TextIndex::Writer {
  std::unique_ptr<TermChanges> changes = std::make_unique<TermChanges>();
  std::unique_ptr<Connection> connection;
  Statement find_item, find_fields, put_document, put_item, set_seq;
  Statement delete_document, delete_item, change_term, delete_term;
  std::int64_t next_document = 1;

  Status Prepare() {
    const auto prepare = [this](std::string_view sql, Statement* statement) -> Status {
      ESPY_ASSIGN_OR_RETURN(*statement, connection->Prepare(sql));
      return Status::Ok();
    };
    ESPY_RETURN_IF_ERROR(prepare("SELECT document, seq FROM items WHERE item = ?1", &find_item));
    ESPY_RETURN_IF_ERROR(prepare(
        "SELECT caption, tag, name, folder, text FROM docs WHERE rowid = ?1", &find_fields));
    ESPY_RETURN_IF_ERROR(
        prepare("INSERT INTO docs(rowid, caption, tag, name, folder, text)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                &put_document));
    ESPY_RETURN_IF_ERROR(prepare("INSERT INTO items VALUES(?1, ?2, ?3)", &put_item));
    ESPY_RETURN_IF_ERROR(prepare("UPDATE items SET seq = ?2 WHERE document = ?1", &set_seq));
    ESPY_RETURN_IF_ERROR(prepare("DELETE FROM docs WHERE rowid = ?1", &delete_document));
    ESPY_RETURN_IF_ERROR(prepare("DELETE FROM items WHERE document = ?1", &delete_item));
    ESPY_RETURN_IF_ERROR(
        prepare("INSERT INTO terms VALUES(?1, ?2) ON CONFLICT(term)"
                " DO UPDATE SET documents = documents + excluded.documents",
                &change_term));
    ESPY_RETURN_IF_ERROR(
        prepare("DELETE FROM terms WHERE term = ?1 AND documents <= 0", &delete_term));
    return FindNextDocument();
  }

  Status FindNextDocument() {
    ESPY_ASSIGN_OR_RETURN(next_document,
                          connection->Number("SELECT ifnull(max(document), 0) + 1 FROM items"));
    return Status::Ok();
  }

  Result<bool> HasFields(std::int64_t document, const Document& wanted) {
    find_fields.Bind(1, document);
    ESPY_ASSIGN_OR_RETURN(const bool there, find_fields.Step());
    bool same = there;
    for (int c = 0; same && c < kColumns; ++c) same = find_fields.Text(c) == wanted.fields[c];
    find_fields.Reset();
    return same;
  }

  Status Delete(std::int64_t document) {
    changes->BeginDocument(-1);
    delete_document.Bind(1, document);
    ESPY_RETURN_IF_ERROR(delete_document.Run());
    delete_item.Bind(1, document);
    return delete_item.Run();
  }

  Status Insert(const Document& document) {
    changes->BeginDocument(+1);
    put_document.Bind(1, next_document);
    for (int c = 0; c < kColumns; ++c) put_document.Bind(2 + c, document.fields[c]);
    ESPY_RETURN_IF_ERROR(put_document.Run());
    put_item.Bind(1, next_document);
    put_item.Bind(2, static_cast<std::int64_t>(document.id));
    put_item.Bind(3, static_cast<std::int64_t>(document.seq));
    ++next_document;
    return put_item.Run();
  }

  Status WriteTerms() {
    for (const auto& [term, documents] : changes->documents) {
      if (documents == 0) continue;
      change_term.Bind(1, term);
      change_term.Bind(2, documents);
      ESPY_RETURN_IF_ERROR(change_term.Run());
      if (documents > 0) continue;
      delete_term.Bind(1, term);
      ESPY_RETURN_IF_ERROR(delete_term.Run());
    }
    return Status::Ok();
  }
};

TextIndex::TextIndex(std::string address, std::string language, bool writes)
    : address_(std::move(address)), language_(std::move(language)), writes_(writes) {}

TextIndex::~TextIndex() = default;

Result<std::shared_ptr<TextIndex>> TextIndex::Open(const std::string& directory, Mode mode,
                                                   const std::string& language) {
  const std::string path = directory + "/" + kFileName;
  const bool writes = mode == Mode::kWrite;
  if (writes) {
    ESPY_RETURN_IF_ERROR(Stemmer::Create(language).status());
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return IoStatus(directory, error.value());
  } else if (!FileIsThere(path)) {
    return Status::NotFound(path + ": there is no text index yet");
  }
  std::shared_ptr<TextIndex> index(new TextIndex(FileAddress(path), language, writes));
  if (writes) {
    ESPY_RETURN_IF_ERROR(index->OpenWriter());
    return index;
  }
  ESPY_ASSIGN_OR_RETURN(auto reader, index->OpenReader());
  ESPY_ASSIGN_OR_RETURN(index->language_, CheckTables(reader->connection.get()));
  if (!language.empty() && index->language_ != language) {
    return Status::Corruption("text index: for " + index->language_ + ", and the library's is " +
                              language);
  }
  index->GiveBack(std::move(reader));
  return index;
}

Result<std::shared_ptr<TextIndex>> TextIndex::OpenPrivate(const TextView* from,
                                                          const std::string& language) {
  static std::atomic<std::uint64_t> made{0};
  ESPY_RETURN_IF_ERROR(Stemmer::Create(language).status());
  // A name with a slash is shared by the connections of this process, and gone with the last.
  const std::string address =
      "file:/espy-words-" + std::to_string(made.fetch_add(1)) + "?vfs=memdb";
  std::shared_ptr<TextIndex> index(new TextIndex(address, language, /*writes=*/true));
  index->writer_ = std::make_unique<Writer>();
  ESPY_ASSIGN_OR_RETURN(index->writer_->connection,
                        Connection::Open(address, Connection::Access::kCreate));
  if (from != nullptr) {
    TextView::Lease lease(from);
    ESPY_RETURN_IF_ERROR(lease.status());
    ESPY_ASSIGN_OR_RETURN(const auto filler, Connection::Open(address, Connection::Access::kWrite));
    ESPY_RETURN_IF_ERROR(filler->CopyFrom(lease.reader()->connection.get()));
  }
  ESPY_RETURN_IF_ERROR(index->OpenWriter());
  return index;
}

Status TextIndex::OpenWriter() {
  const bool is_private = writer_ != nullptr;
  if (!is_private) {
    writer_ = std::make_unique<Writer>();
    ESPY_ASSIGN_OR_RETURN(writer_->connection,
                          Connection::Open(address_, Connection::Access::kCreate));
  }
  Connection* connection = writer_->connection.get();
  ESPY_RETURN_IF_ERROR(connection->Execute(is_private ? kPrivateSettings : kWriterSettings));
  ESPY_RETURN_IF_ERROR(RegisterTokenizer(connection, writer_->changes.get()));
  ESPY_ASSIGN_OR_RETURN(const std::int64_t tables,
                        connection->Number("SELECT count(*) FROM sqlite_master"));
  if (tables == 0) {
    ESPY_RETURN_IF_ERROR(connection->Execute("BEGIN IMMEDIATE"));
    ESPY_RETURN_IF_ERROR(CreateTables(connection, language_));
    ESPY_RETURN_IF_ERROR(connection->Execute("COMMIT"));
  }
  ESPY_ASSIGN_OR_RETURN(const std::string language, CheckTables(connection));
  if (language != language_) {
    return Status::Corruption("text index: for " + language + ", and the library's is " +
                              language_);
  }
  return writer_->Prepare();
}

Status TextIndex::Destroy(const std::string& directory) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const std::string path = directory + "/" + kFileName + suffix;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return IoStatus(path, errno);
  }
  return Status::Ok();
}

Result<Position> TextIndex::position() {
  std::lock_guard lock(change_mutex_);
  if (writer_) return ReadPosition(writer_->connection.get());
  ESPY_ASSIGN_OR_RETURN(auto reader, TakeReader());
  auto position = ReadPosition(reader->connection.get());
  GiveBack(std::move(reader));
  return position;
}

Status TextIndex::Apply(const Batch& batch) {
  std::lock_guard lock(change_mutex_);
  if (!writer_) return Status::InvalidArgument("text index: opened to be read alone");
  Connection* connection = writer_->connection.get();
  ESPY_RETURN_IF_ERROR(connection->Execute("BEGIN IMMEDIATE"));
  Status applied = ApplyLocked(batch);
  if (applied.ok()) applied = connection->Execute("COMMIT");
  if (!applied.ok()) {
    (void)connection->Execute("ROLLBACK");  // SQLite may have rolled back by itself
    (void)writer_->FindNextDocument();
  }
  return applied;
}

// Inside a transaction. Old documents go first, in order of their number, then new ones come: FTS5
// writes out what it has gathered each time that a number does not rise.
Status TextIndex::ApplyLocked(const Batch& batch) {
  Writer& writer = *writer_;
  writer.changes->documents.clear();
  std::unordered_map<std::uint64_t, const Document*> last;
  for (const Document& document : batch.puts) last[document.id] = &document;
  std::vector<std::int64_t> gone;
  std::vector<std::uint64_t> kept;  // ids whose words are as before
  const auto look = [&](std::uint64_t id, const Document* put) -> Status {
    writer.find_item.Bind(1, static_cast<std::int64_t>(id));
    ESPY_ASSIGN_OR_RETURN(const bool there, writer.find_item.Step());
    const std::int64_t document = there ? writer.find_item.Number(0) : 0;
    writer.find_item.Reset();
    if (!there) return Status::Ok();
    if (put != nullptr) {
      ESPY_ASSIGN_OR_RETURN(const bool same, writer.HasFields(document, *put));
      if (same) {
        kept.push_back(id);
        writer.set_seq.Bind(1, document);
        writer.set_seq.Bind(2, static_cast<std::int64_t>(put->seq));
        return writer.set_seq.Run();
      }
    }
    gone.push_back(document);
    return Status::Ok();
  };
  for (const auto& [id, document] : last) ESPY_RETURN_IF_ERROR(look(id, document));
  for (const std::uint64_t id : batch.removes) {
    if (!last.contains(id)) ESPY_RETURN_IF_ERROR(look(id, nullptr));
  }
  std::sort(gone.begin(), gone.end());
  gone.erase(std::unique(gone.begin(), gone.end()), gone.end());
  for (const std::int64_t document : gone) ESPY_RETURN_IF_ERROR(writer.Delete(document));
  for (const std::uint64_t id : kept) last.erase(id);
  for (const Document& document : batch.puts) {
    const auto place = last.find(document.id);
    if (place != last.end() && place->second == &document) {
      ESPY_RETURN_IF_ERROR(writer.Insert(document));
    }
  }
  ESPY_RETURN_IF_ERROR(writer.WriteTerms());
  return WritePosition(writer.connection.get(), batch.position);
}

Status TextIndex::Rebuild(const std::function<Status(const Add&)>& fill) {
  std::lock_guard lock(change_mutex_);
  if (!writer_) return Status::InvalidArgument("text index: opened to be read alone");
  Connection* connection = writer_->connection.get();
  ESPY_RETURN_IF_ERROR(connection->Execute("BEGIN IMMEDIATE"));
  const Status made = [&]() -> Status {
    ESPY_RETURN_IF_ERROR(CreateTables(connection, language_));
    writer_->next_document = 1;
    ESPY_RETURN_IF_ERROR(fill([this](const Batch& batch) { return ApplyLocked(batch); }));
    return connection->Execute("COMMIT");
  }();
  if (!made.ok()) {
    (void)connection->Execute("ROLLBACK");
    (void)writer_->FindNextDocument();
    return made;
  }
  // The log holds the index a second time now. A reader of the old one holds this back.
  (void)connection->Execute("PRAGMA wal_checkpoint(PASSIVE)");
  return Status::Ok();
}

Result<std::shared_ptr<const TextView>> TextIndex::TakeView() {
  std::lock_guard lock(change_mutex_);
  ESPY_ASSIGN_OR_RETURN(auto reader, TakeReader());
  ESPY_RETURN_IF_ERROR(reader->Begin());
  std::shared_ptr<TextView> view(new TextView(shared_from_this(), reader->position));
  view->documents_ = reader->vocabulary.total_documents();
  view->free_.push_back(std::move(reader));
  return std::shared_ptr<const TextView>(std::move(view));
}

Status TextIndex::Check() {
  std::lock_guard lock(change_mutex_);
  if (!writer_) return Status::InvalidArgument("text index: opened to be read alone");
  Connection* connection = writer_->connection.get();
  ESPY_ASSIGN_OR_RETURN(Statement pages, connection->Prepare("PRAGMA quick_check(1)"));
  ESPY_ASSIGN_OR_RETURN(const bool answered, pages.Step());
  if (!answered || pages.Text(0) != "ok") {
    return Status::Corruption("text index: " + std::string(answered ? pages.Text(0) : "no pages"));
  }
  pages.Reset();
  writer_->changes->sign = 0;
  // FTS5 analyses every document again and compares with what its lists hold.
  ESPY_RETURN_IF_ERROR(connection->Execute("INSERT INTO docs(docs) VALUES('integrity-check')"));
  ESPY_ASSIGN_OR_RETURN(
      const std::int64_t strays,
      connection->Number("SELECT (SELECT count(*) FROM items WHERE document NOT IN"
                         " (SELECT rowid FROM docs)) + (SELECT count(*) FROM docs WHERE rowid"
                         " NOT IN (SELECT document FROM items))"));
  if (strays != 0) return Status::Corruption("text index: documents and items differ");
  ESPY_RETURN_IF_ERROR(connection->Execute(
      "CREATE VIRTUAL TABLE IF NOT EXISTS temp.held USING fts5vocab(main, docs, row)"));
  const std::string differ =
      "SELECT (SELECT count(*) FROM temp.held AS h LEFT JOIN main.terms AS t ON t.term = h.term"
      " WHERE h.term <> char(2) AND t.documents IS NOT h.doc)"
      " + abs((SELECT count(*) FROM temp.held WHERE term <> char(2))"
      " - (SELECT count(*) FROM main.terms))";
  const auto wrong = connection->Number(differ);
  ESPY_RETURN_IF_ERROR(connection->Execute("DROP TABLE temp.held"));
  ESPY_RETURN_IF_ERROR(wrong.status());
  if (*wrong != 0) return Status::Corruption("text index: its counts of words are wrong");
  return Status::Ok();
}

Result<TextIndex::Stats> TextIndex::stats() {
  std::lock_guard lock(change_mutex_);
  ESPY_ASSIGN_OR_RETURN(auto reader, TakeReader());
  Connection* connection = reader->connection.get();
  Stats stats;
  const auto number = [&](const char* sql, std::uint64_t* value) -> Status {
    ESPY_ASSIGN_OR_RETURN(const std::int64_t found, connection->Number(sql));
    *value = static_cast<std::uint64_t>(found);
    return Status::Ok();
  };
  ESPY_RETURN_IF_ERROR(number("SELECT count(*) FROM items", &stats.documents));
  ESPY_RETURN_IF_ERROR(number("SELECT count(*) FROM terms", &stats.words));
  std::uint64_t pages = 0, page_bytes = 0;
  ESPY_RETURN_IF_ERROR(number("PRAGMA page_count", &pages));
  ESPY_RETURN_IF_ERROR(number("PRAGMA page_size", &page_bytes));
  stats.bytes = pages * page_bytes;
  GiveBack(std::move(reader));
  return stats;
}

}  // namespace espy::text
