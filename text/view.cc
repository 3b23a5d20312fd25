// What a view answers, and the connections behind it.
#include <algorithm>

#include "base/status_macros.h"
#include "text/reader.h"
#include "text/schema.h"
#include "text/tokenizer.h"

namespace espy::text {
namespace {

constexpr std::size_t kPooledReaders = 8;
constexpr char kReaderSettings[] = "PRAGMA cache_size = -8192; PRAGMA mmap_size = 268435456;";

}  // namespace

Status TextView::Reader::Prepare(const std::string& language) {
  ESPY_ASSIGN_OR_RETURN(Analyzer made, Analyzer::Create(language));
  analyzer = std::make_unique<Analyzer>(std::move(made));
  ESPY_ASSIGN_OR_RETURN(vocabulary, TableVocabulary::Open(connection.get()));
  ESPY_ASSIGN_OR_RETURN(item_of, connection->Prepare("SELECT item FROM items WHERE document = ?1"));
  ESPY_ASSIGN_OR_RETURN(find_item,
                        connection->Prepare("SELECT document, seq FROM items WHERE item = ?1"));
  ESPY_ASSIGN_OR_RETURN(
      find_fields,
      connection->Prepare("SELECT caption, tag, name, folder, text FROM docs WHERE rowid = ?1"));
  return Status::Ok();
}

Status TextView::Reader::Begin() {
  ESPY_RETURN_IF_ERROR(connection->Execute("BEGIN"));
  const Status begun = [&]() -> Status {
    ESPY_ASSIGN_OR_RETURN(position, ReadPosition(connection.get()));
    ESPY_ASSIGN_OR_RETURN(const std::int64_t documents,
                          connection->Number("SELECT count(*) FROM items"));
    vocabulary.set_total_documents(static_cast<std::uint64_t>(documents));
    return Status::Ok();
  }();
  if (!begun.ok()) End();
  return begun;
}

void TextView::Reader::End() { (void)connection->Execute("ROLLBACK"); }

TextView::TextView(std::shared_ptr<TextIndex> index, Position position)
    : index_(std::move(index)), position_(position) {}

const std::string& TextView::language() const { return index_->language(); }

TextView::~TextView() {
  for (auto& reader : free_) {
    reader->End();
    index_->GiveBack(std::move(reader));
  }
}

TextView::Lease::Lease(const TextView* view) : view_(view) {
  std::unique_lock lock(view->mutex_);
  if (view->free_.empty()) {
    // Another connection sees the same as long as nothing has changed since.
    lock.unlock();
    {
      std::unique_lock change(view->index_->change_mutex_, std::try_to_lock);
      if (change.owns_lock()) {
        auto reader = view->index_->TakeReader();
        if (reader.ok() && (*reader)->Begin().ok()) {
          if ((*reader)->position == view->position_) {
            reader_ = std::move(*reader);
            return;
          }
          (*reader)->End();
          view->index_->GiveBack(std::move(*reader));
        }
      }
    }
    lock.lock();
  }
  view->freed_.wait(lock, [view] { return !view->free_.empty(); });
  reader_ = std::move(view->free_.back());
  view->free_.pop_back();
}

TextView::Lease::~Lease() {
  if (!reader_) return;
  {
    std::lock_guard lock(view_->mutex_);
    view_->free_.push_back(std::move(reader_));
  }
  view_->freed_.notify_one();
}

Result<std::unique_ptr<TextView::Reader>> TextIndex::OpenReader() {
  auto reader = std::make_unique<TextView::Reader>();
  ESPY_ASSIGN_OR_RETURN(reader->connection, Connection::Open(address_, Connection::Access::kRead));
  Connection* connection = reader->connection.get();
  ESPY_RETURN_IF_ERROR(connection->Execute(kReaderSettings));
  ESPY_RETURN_IF_ERROR(RegisterTokenizer(connection, nullptr));
  ESPY_RETURN_IF_ERROR(RegisterScore(connection));
  ESPY_ASSIGN_OR_RETURN(const std::int64_t tables,
                        connection->Number("SELECT count(*) FROM sqlite_master"));
  if (tables == 0) {  // whoever made the file was killed before the tables were
    return Status::NotFound(address_ + ": there is no text index yet");
  }
  std::string language = language_;
  if (language.empty()) {  // being opened, to be read
    ESPY_ASSIGN_OR_RETURN(language, CheckTables(connection));
  }
  ESPY_RETURN_IF_ERROR(reader->Prepare(language));
  return reader;
}

Result<std::unique_ptr<TextView::Reader>> TextIndex::TakeReader() {
  {
    std::lock_guard lock(pool_mutex_);
    if (!pool_.empty()) {
      auto reader = std::move(pool_.back());
      pool_.pop_back();
      return reader;
    }
  }
  return OpenReader();
}

void TextIndex::GiveBack(std::unique_ptr<TextView::Reader> reader) {
  std::lock_guard lock(pool_mutex_);
  if (pool_.size() < kPooledReaders) pool_.push_back(std::move(reader));
}

Result<TextMatches> TextView::Search(const TextQuery& query, const TextSearchParams& params) const {
  Lease lease(this);
  ESPY_RETURN_IF_ERROR(lease.status());
  Reader& reader = *lease.reader();
  TextMatches matches;
  ESPY_ASSIGN_OR_RETURN(const Plan plan,
                        MakePlan(query, reader.analyzer.get(), &reader.vocabulary));
  matches.words = plan.words;
  if (plan.finding.empty() || params.k == 0 || documents_ == 0) return matches;

  Collector collector;
  collector.plan = &plan;
  collector.k = params.k;
  collector.allowed = params.allowed ? &params.allowed : nullptr;
  collector.item_of = &reader.item_of;
  collector.counts.resize(plan.groups.size());
  ESPY_ASSIGN_OR_RETURN(
      Statement search,
      reader.connection->Prepare("SELECT espy_collect(docs, ?1) FROM docs WHERE docs MATCH ?2"));
  search.BindPointer(1, &collector, kCollectorType);
  const auto run = [&](const std::string& expression) -> Status {
    search.Bind(2, expression);
    const Status searched = search.Run();
    reader.item_of.Reset();
    return collector.status.ok() ? searched : collector.status;
  };
  for (const Plan::Lookup& lookup : plan.lookups) {
    collector.looking = &lookup;
    collector.looked_up.push_back({lookup.phrase.group, {}, 0});
    ESPY_RETURN_IF_ERROR(run(lookup.expression));
  }
  collector.looking = nullptr;
  ESPY_RETURN_IF_ERROR(run(plan.finding));
  std::sort(collector.best.begin(), collector.best.end(), Before);
  matches.best = std::move(collector.best);
  matches.found = collector.found;
  return matches;
}

Result<Document> TextView::Get(std::uint64_t id) const {
  Lease lease(this);
  ESPY_RETURN_IF_ERROR(lease.status());
  Reader& reader = *lease.reader();
  reader.find_item.Bind(1, static_cast<std::int64_t>(id));
  ESPY_ASSIGN_OR_RETURN(const bool there, reader.find_item.Step());
  const std::int64_t number = there ? reader.find_item.Number(0) : 0;
  Document document;
  document.id = id;
  if (there) document.seq = static_cast<std::uint64_t>(reader.find_item.Number(1));
  reader.find_item.Reset();
  if (!there) return Status::NotFound("text index: no such item");
  reader.find_fields.Bind(1, number);
  ESPY_ASSIGN_OR_RETURN(const bool found, reader.find_fields.Step());
  for (int c = 0; found && c < kColumns; ++c) document.fields[c] = reader.find_fields.Text(c);
  reader.find_fields.Reset();
  if (!found) return Status::Corruption("text index: an item without its words");
  return document;
}

Result<std::vector<std::uint64_t>> TextView::Ids() const {
  Lease lease(this);
  ESPY_RETURN_IF_ERROR(lease.status());
  ESPY_ASSIGN_OR_RETURN(
      Statement all, lease.reader()->connection->Prepare("SELECT item FROM items ORDER BY item"));
  std::vector<std::uint64_t> ids;
  for (;;) {
    ESPY_ASSIGN_OR_RETURN(const bool row, all.Step());
    if (!row) return ids;
    ids.push_back(static_cast<std::uint64_t>(all.Number(0)));
  }
}

}  // namespace espy::text
