#include "engine/text_feed.h"

#include <algorithm>
#include <unordered_set>

#include "base/logging.h"
#include "base/status_macros.h"
#include "text/stemmer.h"

namespace espy {
namespace {

constexpr std::size_t kBatch = 1000;           // log entries or records in one transaction
// Building passes over the records that are done each time that it goes on: at least so many are
// taken at once, about a second's work.
constexpr std::size_t kItemsAtOnce = 50'000;
constexpr std::size_t kItemsAtClose = 20'000;  // about a second's work
constexpr std::size_t kAll = static_cast<std::size_t>(-1);

void AppendPath(const std::string& path, text::Document* document) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  text::AppendValue(std::string_view(path).substr(name), &document->fields[text::kName]);
  if (name > 1) {
    text::AppendValue(std::string_view(path).substr(0, slash), &document->fields[text::kFolder]);
  }
}

}  // namespace

text::Document DocumentOf(const Record& record) {
  text::Document document;
  document.id = record.id;
  document.seq = record.seq;
  text::AppendValue(SearchedCaption(record), &document.fields[text::kCaption]);
  for (const std::string& tag : record.tags) {
    text::AppendValue(tag, &document.fields[text::kTag]);
  }
  for (const std::string& path : record.paths) AppendPath(path, &document);
  for (const auto& [name, value] : record.fields) {
    if (const auto* words = std::get_if<std::string>(&value)) {
      text::AppendValue(*words, &document.fields[text::kText]);
    }
  }
  return document;
}

TextFeed::TextFeed(std::string library, bool read_only)
    : library_(std::move(library)), directory_(library_ + "/text"), read_only_(read_only) {
  if (read_only_) Look();
}

void TextFeed::Look() {
  found_.reset();
  look_ = Status::Ok();
  auto opened = text::TextIndex::Open(directory_, text::TextIndex::Mode::kRead, "");
  if (!opened.ok()) {
    look_ = opened.status();
    return;
  }
  auto view = (*opened)->TakeView();
  if (view.ok()) {
    found_ = *view;
  } else {
    look_ = view.status();
  }
}

TextFeed::~TextFeed() { Stop(); }

void TextFeed::Attach(storage::Store* store, Newest newest) {
  store_ = store;
  newest_ = std::move(newest);
}

void TextFeed::LookAgain() {
  if (!read_only_) return;
  std::lock_guard lock(mutex_);
  Look();
  if (!index_) return;
  if (found_ && found_->language() != copied_language_) {
    view_.reset();
    index_.reset();
  } else {
    found_.reset();  // while it is held, the writer cannot fold its log into the file
  }
}

void TextFeed::Wake() {
  std::lock_guard lock(wake_mutex_);
  woken_ = true;
  if (!thread_.joinable())
    thread_ = std::jthread([this](std::stop_token stop) {
      try {
        Run(stop);
      } catch (const std::bad_alloc&) {  // what is behind is caught up with by the next opening
      }
    });
  wake_.notify_all();
}

void TextFeed::Stop() {
  std::jthread thread;
  {
    std::lock_guard lock(wake_mutex_);
    thread = std::move(thread_);
  }
  if (!thread.joinable()) return;
  thread.request_stop();
  thread.join();
  std::lock_guard lock(mutex_);
  try {
    const auto snapshot = newest_();
    (void)FollowLocked(*snapshot, kItemsAtClose, {}, {});  // the next opening says what is wrong
  } catch (const std::bad_alloc&) {                        // and catches up
  }
}

void TextFeed::Run(const std::stop_token& stop) {
  for (;;) {
    {
      std::unique_lock lock(wake_mutex_);
      wake_.wait(lock, stop, [this] { return woken_; });
      if (stop.stop_requested()) return;
      woken_ = false;
    }
    // Batch by batch, so that a search waits for one and not for all.
    for (bool reached = false; !reached && !stop.stop_requested();) {
      const auto snapshot = newest_();
      std::lock_guard lock(mutex_);
      const auto followed = FollowLocked(*snapshot, kBatch, {}, stop);
      if (!followed.ok() && followed.status().code() != StatusCode::kCancelled) {
        Log(LogLevel::kWarning,
            library_ + ": following the changes in the text index: " + followed.status().message());
      }
      reached = !followed.ok() || *followed;
    }
  }
}

Status TextFeed::Truth(Status status) {
  if (!status.ok()) truth_failed_ = true;
  return status;
}

Result<text::Position> TextFeed::PositionAt(std::uint64_t seq, const storage::Snapshot* snapshot) {
  text::Position position;
  if (seq == 0) return position;
  ESPY_RETURN_IF_ERROR(Truth(store_->ScanLog(
      seq - 1,
      [&](const storage::LogEntry& entry) {
        position.seq = entry.seq;
        position.item = entry.item;
        return false;
      },
      snapshot)));
  if (position.seq == seq) return position;
  return Status::NotFound("log: has no entry " + std::to_string(seq));
}

// Whether the log of this library goes on from there: it reaches back so far, and speaks there of
// the same item.
Result<bool> TextFeed::Continues(const text::Position& position) {
  if (position.seq == 0) return true;
  const auto there = PositionAt(position.seq, nullptr);
  if (there.status().code() == StatusCode::kNotFound) return false;
  ESPY_RETURN_IF_ERROR(there.status());
  return there->item == position.item;
}

Status TextFeed::OpenLocked() {
  if (index_) return Status::Ok();
  return read_only_ ? OpenReaderLocked() : OpenWriterLocked();
}

Status TextFeed::OpenWriterLocked() {
  ESPY_ASSIGN_OR_RETURN(const std::string language, store_->TextLanguage());
  const auto open = [&] {
    return text::TextIndex::Open(directory_, text::TextIndex::Mode::kWrite, language);
  };
  auto opened = open();
  if (opened.status().code() == StatusCode::kCorruption) {
    Log(LogLevel::kWarning,
        library_ + ": " + opened.status().message() + "; it is made again from the records");
    ESPY_RETURN_IF_ERROR(text::TextIndex::Destroy(directory_));
    opened = open();
  }
  ESPY_RETURN_IF_ERROR(opened.status());
  ESPY_ASSIGN_OR_RETURN(const text::Position position, (*opened)->position());
  ESPY_ASSIGN_OR_RETURN(const bool continues, Continues(position));
  if (!continues) {
    Log(LogLevel::kWarning, library_ + ": text index: stands at change " +
                                std::to_string(position.seq) +
                                ", which the log does not have; it is made again");
    ESPY_RETURN_IF_ERROR(
        (*opened)->Rebuild([](const text::TextIndex::Add&) { return Status::Ok(); }));
  }
  index_ = *std::move(opened);
  return Status::Ok();
}

Status TextFeed::OpenReaderLocked() {
  ESPY_ASSIGN_OR_RETURN(const std::string language, store_->TextLanguage());
  copied_language_ = language;
  if (found_) {
    ESPY_ASSIGN_OR_RETURN(const bool continues, Continues(found_->position()));
    if (continues && found_->language() == language) {
      auto copied = text::TextIndex::OpenPrivate(found_.get(), language);
      if (copied.ok()) {
        index_ = *std::move(copied);
        return Status::Ok();
      }
      if (copied.status().code() != StatusCode::kCorruption) return copied.status();
    }
  }
  ESPY_ASSIGN_OR_RETURN(index_, text::TextIndex::OpenPrivate(nullptr, language));
  return Status::Ok();
}

void TextFeed::DropLocked(const Status& why) {
  Log(LogLevel::kWarning,
      library_ + ": " + why.message() + "; the text index is made again from the records");
  view_.reset();
  index_.reset();
  found_.reset();
  if (!read_only_) (void)text::TextIndex::Destroy(directory_);  // opening says what is wrong
}

void TextFeed::Distrust() {
  std::lock_guard lock(mutex_);
  DropLocked(Status::Corruption("text index: damaged"));
}

Result<bool> TextFeed::FollowLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                                    const ProgressFn& progress, const std::stop_token& stop) {
  truth_failed_ = false;
  auto followed = FollowOnceLocked(snapshot, max_items, progress, stop);
  if (followed.status().code() != StatusCode::kCorruption || truth_failed_) return followed;
  DropLocked(followed.status());
  return FollowOnceLocked(snapshot, max_items, progress, stop);
}

Result<bool> TextFeed::FollowOnceLocked(const storage::Snapshot& snapshot, std::size_t max_items,
                                        const ProgressFn& progress, const std::stop_token& stop) {
  ESPY_RETURN_IF_ERROR(OpenLocked());
  ESPY_ASSIGN_OR_RETURN(text::Position position, index_->position());
  const std::uint64_t target = store_->SeqOf(snapshot);
  if (position.building || (position.seq == 0 && target > 0)) {
    ESPY_ASSIGN_OR_RETURN(const bool built,
                          BuildLocked(position, snapshot, max_items, progress, stop));
    if (!built) return false;
    ESPY_ASSIGN_OR_RETURN(position, index_->position());
  }
  if (position.seq >= target) return true;
  if (position.seq + 1 < store_->log_begin()) {
    return Status::Corruption("text index: stands at change " + std::to_string(position.seq) +
                              ", and the log begins at " + std::to_string(store_->log_begin()));
  }
  return ReplayLocked(position, snapshot, max_items, progress, stop);
}

// Takes the records in order of id, from where an earlier run stopped. What changes meanwhile among
// those that are done is in the log after the position that the building began with.
Result<bool> TextFeed::BuildLocked(text::Position position, const storage::Snapshot& snapshot,
                                   std::size_t max_items, const ProgressFn& progress,
                                   const std::stop_token& stop) {
  if (!position.building) {
    ESPY_ASSIGN_OR_RETURN(position, PositionAt(store_->SeqOf(snapshot), &snapshot));
    position.building = 0;
  }
  const ItemId begin = *position.building;
  max_items = std::max(max_items, kItemsAtOnce);
  text::Batch batch;
  batch.position = position;
  Status applied;
  std::size_t taken = 0;
  bool more = false;
  const auto apply = [&] {
    applied = index_->Apply(batch);
    batch.puts.clear();
    if (progress) progress({"texts", taken, 0});
    return applied.ok();
  };
  const Status scanned = store_->ScanItems(
      [&](const Record& record) {
        if (record.id <= begin) return true;
        if (taken >= max_items || stop.stop_requested()) {
          more = true;
          return false;
        }
        batch.puts.push_back(DocumentOf(record));
        batch.position.building = record.id;
        ++taken;
        return batch.puts.size() < kBatch || apply();
      },
      &snapshot);
  ESPY_RETURN_IF_ERROR(applied);
  ESPY_RETURN_IF_ERROR(Truth(scanned));
  if (!more) batch.position.building.reset();
  if (!apply()) return applied;
  return !more;
}

Result<bool> TextFeed::ReplayLocked(const text::Position& position,
                                    const storage::Snapshot& snapshot, std::size_t max_items,
                                    const ProgressFn& progress, const std::stop_token& stop) {
  text::Batch batch;
  batch.position = position;
  std::unordered_set<ItemId> seen;
  Status failed;
  std::size_t taken = 0;
  bool more = false;
  const auto apply = [&] {
    for (const ItemId id : seen) {
      const auto record = store_->GetItem(id, &snapshot);
      if (record.ok()) {
        batch.puts.push_back(DocumentOf(*record));
      } else if (record.status().code() == StatusCode::kNotFound) {
        batch.removes.push_back(id);
      } else {
        failed = Truth(record.status());
        return false;
      }
    }
    seen.clear();
    // Ids are handed over in one order whatever the table of hashes does.
    std::sort(batch.puts.begin(), batch.puts.end(),
              [](const text::Document& a, const text::Document& b) { return a.id < b.id; });
    failed = index_->Apply(batch);
    batch.puts.clear();
    batch.removes.clear();
    if (progress) progress({"texts", taken, 0});
    return failed.ok();
  };
  const Status scanned = store_->ScanLog(
      position.seq,
      [&](const storage::LogEntry& entry) {
        if (taken >= max_items || stop.stop_requested()) {
          more = true;
          return false;
        }
        if (entry.kind != storage::ChangeKind::kPutVector) {
          if (seen.insert(entry.item).second) ++taken;
        }
        batch.position.seq = entry.seq;
        batch.position.item = entry.item;
        return seen.size() < kBatch || apply();
      },
      &snapshot);
  ESPY_RETURN_IF_ERROR(failed);
  ESPY_RETURN_IF_ERROR(Truth(scanned));
  if (!apply()) return failed;
  return !more;
}

Result<std::shared_ptr<const text::TextView>> TextFeed::ViewAt(const storage::Snapshot& snapshot) {
  std::lock_guard lock(mutex_);
  const std::uint64_t target = store_->SeqOf(snapshot);
  if (view_ && view_->position().seq == target) return view_;
  if (found_ && !index_ && !found_->position().building && found_->position().seq == target) {
    ESPY_ASSIGN_OR_RETURN(const std::string language, store_->TextLanguage());
    ESPY_ASSIGN_OR_RETURN(const bool continues, Continues(found_->position()));
    if (continues && found_->language() == language) {
      view_ = found_;
      return view_;
    }
  }
  view_.reset();  // while it is held, its log cannot be folded into the file
  ESPY_RETURN_IF_ERROR(FollowLocked(snapshot, kAll, {}, {}).status());
  ESPY_ASSIGN_OR_RETURN(auto view, index_->TakeView());
  if (view->position().seq != target) return std::shared_ptr<const text::TextView>();
  view_ = std::move(view);
  return view_;
}

Status TextFeed::CatchUp(const ProgressFn& progress, const std::stop_token& stop) {
  for (;;) {
    const auto snapshot = newest_();
    std::lock_guard lock(mutex_);
    ESPY_ASSIGN_OR_RETURN(const bool reached, FollowLocked(*snapshot, kBatch, progress, stop));
    if (reached) return Status::Ok();
    if (stop.stop_requested()) {
      return Status::Cancelled(library_ +
                               ": stopped; the text index goes on with the next opening");
    }
  }
}

Status TextFeed::Rebuild(const ProgressFn& progress, const std::stop_token& stop) {
  const auto snapshot = newest_();
  std::lock_guard lock(mutex_);
  view_.reset();
  ESPY_ASSIGN_OR_RETURN(const std::string language, store_->TextLanguage());
  if (index_ && index_->language() != language) index_.reset();
  ESPY_RETURN_IF_ERROR(OpenLocked());
  ESPY_ASSIGN_OR_RETURN(const text::Position position,
                        PositionAt(store_->SeqOf(*snapshot), snapshot.get()));
  const auto fill = [&](const text::TextIndex::Add& add) -> Status {
    text::Batch batch;
    batch.position = position;
    Status added;
    std::uint64_t taken = 0;
    const Status scanned = store_->ScanItems(
        [&](const Record& record) {
          batch.puts.push_back(DocumentOf(record));
          if (++taken % kBatch != 0) return true;
          added = stop.stop_requested()
                      ? Status::Cancelled(library_ + ": stopped; the old text index stays in use")
                      : add(batch);
          batch.puts.clear();
          if (progress) progress({"texts", taken, 0});
          return added.ok();
        },
        snapshot.get());
    ESPY_RETURN_IF_ERROR(added);
    ESPY_RETURN_IF_ERROR(Truth(scanned));
    return add(batch);
  };
  truth_failed_ = false;
  Status made = index_->Rebuild(fill);
  if (made.code() != StatusCode::kCorruption || truth_failed_) return made;
  DropLocked(made);  // too damaged to be written to
  ESPY_RETURN_IF_ERROR(OpenLocked());
  return index_->Rebuild(fill);
}

Result<std::vector<std::string>> TextFeed::Verify(const storage::Snapshot& snapshot,
                                                  const std::stop_token& stop) {
  constexpr char kRemedy[] = "; nothing is lost: `espy rebuild` makes it again";
  std::vector<std::string> problems;
  {
    std::lock_guard lock(mutex_);
    if (look_.code() == StatusCode::kCorruption) {
      problems.push_back(look_.message() + kRemedy);
      return problems;
    }
    ESPY_RETURN_IF_ERROR(OpenLocked());
    if (const Status sound = index_->Check(); !sound.ok()) {
      problems.push_back(sound.message() + kRemedy);
      return problems;
    }
  }
  ESPY_ASSIGN_OR_RETURN(const auto view, ViewAt(snapshot));
  if (!view) return problems;  // changed meanwhile, so it is followed and open
  std::uint64_t items = 0, wrong = 0;
  Status read;
  ESPY_RETURN_IF_ERROR(store_->ScanItems(
      [&](const Record& record) {
        ++items;
        const auto document = view->Get(record.id);
        if (!document.ok() || *document != DocumentOf(record)) ++wrong;
        return !stop.stop_requested();
      },
      &snapshot));
  if (stop.stop_requested()) return Status::Cancelled("verify: stopped");
  if (wrong > 0) {
    problems.push_back("text index: the words of " + std::to_string(wrong) +
                       " items are not those of their records" + kRemedy);
  }
  if (view->documents() != items) {
    problems.push_back("text index: holds " + std::to_string(view->documents()) + " items of " +
                       std::to_string(items) + kRemedy);
  }
  return problems;
}

Result<TextInfo> TextFeed::Info() {
  TextInfo info;
  ESPY_ASSIGN_OR_RETURN(info.language, store_->TextLanguage());
  const auto snapshot = newest_();
  std::lock_guard lock(mutex_);
  std::shared_ptr<text::TextIndex> index = index_;
  if (!index && !read_only_) {
    auto opened = text::TextIndex::Open(directory_, text::TextIndex::Mode::kRead, "");
    if (opened.ok()) index = *std::move(opened);
  } else if (!index && found_) {
    index = found_->index();
  }
  if (!index) return info;
  ESPY_ASSIGN_OR_RETURN(const text::TextIndex::Stats stats, index->stats());
  ESPY_ASSIGN_OR_RETURN(const text::Position position, index->position());
  info.items = stats.documents;
  info.words = stats.words;
  info.bytes = stats.bytes;
  const std::uint64_t seq = store_->SeqOf(*snapshot);
  info.behind = seq - std::min(seq, position.seq);
  return info;
}

}  // namespace espy
