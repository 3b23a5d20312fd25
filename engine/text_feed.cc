#include "engine/text_feed.h"

#include <algorithm>

#include "base/logging.h"
#include "base/status_macros.h"
#include "text/stemmer.h"

namespace espy {
namespace {

constexpr std::size_t kItemsAtClose = 20'000;  // about a second's work
constexpr std::size_t kAll = static_cast<std::size_t>(-1);

}  // namespace

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
  lull_.Changed();
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
      const Lull::Clock::time_point due = Lull::Clock::now();
      for (auto left = lull_.Left(due); left > left.zero(); left = lull_.Left(due)) {
        if (stop.stop_requested()) return;
        wake_.wait_for(lock, stop, left, [] { return false; });
      }
      if (stop.stop_requested()) return;
      woken_ = false;
    }
    // Batch by batch, so that a search waits for one and not for all.
    for (bool reached = false; !reached && !stop.stop_requested();) {
      const auto snapshot = newest_();
      std::lock_guard lock(mutex_);
      const auto followed = FollowLocked(*snapshot, kBatchItems, {}, stop);
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
    ESPY_ASSIGN_OR_RETURN(const bool reached, FollowLocked(*snapshot, kBatchItems, progress, stop));
    if (reached) return Status::Ok();
    if (stop.stop_requested()) {
      return Status::Cancelled(library_ +
                               ": stopped; the text index goes on with the next opening");
    }
  }
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
