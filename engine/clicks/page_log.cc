#include "engine/clicks/page_log.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/logging.h"
#include "base/status_macros.h"

namespace espy::clicks {
namespace {

constexpr std::size_t kTogether = 64;          // pages of one commit
constexpr std::size_t kMostLeft = 1000;        // files in the folder
constexpr std::uint64_t kMostBytes = 1 << 20;  // of one

std::string Sealed(const storage::PageRow& page) {
  std::string bytes = storage::EncodePage(page);
  PutFixed(&bytes, Crc32c(bytes));
  return bytes;
}

Result<storage::PageRow> Unsealed(const std::string& name, std::string_view bytes) {
  const Status damaged = Status::Corruption(name + ": is no page that a search left");
  const Result<ItemId> query = ParseItemId(name);
  std::uint32_t checksum = 0;
  if (!query.ok() || bytes.size() < 4) return damaged;
  std::string_view tail = bytes.substr(bytes.size() - 4);
  GetFixed(&tail, &checksum);
  bytes.remove_suffix(4);
  if (Crc32c(bytes) != checksum) return damaged;
  return storage::ParsePage(*query, bytes);
}

}  // namespace

void PageLog::Add(storage::PageRow page) {
  if (read_only_) {
    Leave(page);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(page));
    if (waiting_.size() < kTogether) return;
  }
  if (const Status status = Flush(); !status.ok()) {
    Log(LogLevel::kWarning, directory_ + ": logging what searches showed: " + status.message());
  }
}

void PageLog::Leave(const storage::PageRow& page) {
  const std::string folder = directory_ + "/shown";
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  const Result<std::vector<std::string>> left = env_->ListDirectory(folder);
  // Names sort by time: the oldest make room.
  for (std::size_t i = 0; left.ok() && i + kMostLeft <= left->size(); ++i) {
    std::filesystem::remove(folder + "/" + (*left)[i], error);
  }
  const Status status =
      env_->WriteFileAtomically(folder + "/" + FormatItemId(page.query), Sealed(page));
  if (!status.ok()) Log(LogLevel::kInfo, "what a search showed is not logged: " + status.message());
}

Status PageLog::TakeLeft(storage::Transaction* transaction, std::vector<std::string>* taken) {
  const std::string folder = directory_ + "/shown";
  const Result<std::vector<std::string>> left = env_->ListDirectory(folder);
  if (left.status().code() == StatusCode::kNotFound) return Status::Ok();
  ESPY_RETURN_IF_ERROR(left.status());
  for (const std::string& name : *left) {
    const std::string path = folder + "/" + name;
    const Result<std::string> bytes = env_->ReadFile(path, kMostBytes);
    const Result<storage::PageRow> page =
        bytes.ok() ? Unsealed(name, *bytes) : Result<storage::PageRow>(bytes.status());
    if (page.ok()) {
      transaction->PutPage(*page);
      taken->push_back(path);
    } else if (ParseItemId(name).ok() && page.status().code() == StatusCode::kCorruption) {
      taken->push_back(path);  // it never will be a page
    }
  }
  return Status::Ok();
}

Result<std::vector<storage::PageRow>> PageLog::Left() const {
  std::vector<storage::PageRow> pages;
  const std::string folder = directory_ + "/shown";
  Result<std::vector<std::string>> left = env_->ListDirectory(folder);
  if (left.status().code() == StatusCode::kNotFound) return pages;
  ESPY_RETURN_IF_ERROR(left.status());
  std::sort(left->begin(), left->end());  // names sort by time
  for (const std::string& name : *left) {
    const Result<std::string> bytes = env_->ReadFile(folder + "/" + name, kMostBytes);
    if (!bytes.ok()) continue;  // a writer took it just now
    Result<storage::PageRow> page = Unsealed(name, *bytes);
    if (page.ok()) pages.push_back(std::move(*page));
  }
  return pages;
}

void PageLog::FlushAtClose() noexcept {
  try {
    if (const Status kept = Flush(); !kept.ok()) {
      Log(LogLevel::kWarning, directory_ + ": logging what searches showed: " + kept.message());
    }
  } catch (const std::bad_alloc&) {
    // Not even a word about it can be had.
  }
}

Status PageLog::Flush() {
  if (read_only_) return Status::Ok();
  std::lock_guard lock(mutex_);
  storage::Transaction transaction;
  std::vector<std::string> taken;
  for (const storage::PageRow& page : waiting_) transaction.PutPage(page);
  ESPY_RETURN_IF_ERROR(TakeLeft(&transaction, &taken));
  if (transaction.bytes() > 0) {
    ESPY_RETURN_IF_ERROR(store_->Commit(std::move(transaction)).status());
  }
  waiting_.clear();
  for (const std::string& path : taken) {
    std::error_code error;
    std::filesystem::remove(path, error);
  }
  return Status::Ok();
}

}  // namespace espy::clicks
