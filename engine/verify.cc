// verify: is the library sound? Checksums and rows by storage; the index against the vectors here.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/half.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/migrate/wanted.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

constexpr std::size_t kNamedIds = 5;
constexpr float kUnitTolerance =
    0.01f;  // a unit vector rounded to half precision is within 2^-11 of length 1

std::string NameIds(const std::vector<std::uint64_t>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(ids.size(), kNamedIds); ++i) {
    text += (i == 0 ? "" : ", ") + FormatItemId(ids[i]);
  }
  return ids.size() > kNamedIds ? text + ", ..." : text;
}

// Whether what was mended is something that the index was made from.
bool TouchesIndex(const std::string& repaired) {
  for (const char* start : {"vector", "log:", "change ", "segments:", "items:", "item "}) {
    if (repaired.starts_with(start)) return true;
  }
  return false;
}

bool IsUnit(std::span<const std::uint16_t> half, std::vector<float>* widened) {
  widened->resize(half.size());
  HalfToFloat(half.data(), half.size(), widened->data());
  double squares = 0;
  for (const float x : *widened) squares += static_cast<double>(x) * x;
  return std::abs(std::sqrt(squares) - 1.0) < kUnitTolerance;
}

}  // namespace

// Drops vectors that cannot be right, and makes the next ingest read the pictures of items that
// have none.
Status Library::Impl::RepairVectors(VerifyReport* report) {
  std::lock_guard lock(write_mutex_);
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  std::vector<float> widened;
  std::vector<ItemId> good, wrong;
  ESPY_RETURN_IF_ERROR(
      store->ScanVectors(space.number, [&](ItemId id, std::span<const std::uint16_t> half) {
        (IsUnit(half, &widened) ? good : wrong).push_back(id);
        return true;
      }));
  storage::Transaction transaction;
  for (const ItemId id : wrong) {
    transaction.DropVector(space.number, id);
    report->repaired.push_back("vector of item " + FormatItemId(id) + " was dropped");
  }
  std::uint64_t lacking = 0;
  ESPY_RETURN_IF_ERROR(store->ScanItems([&](const Record& record) {
    if (std::binary_search(good.begin(), good.end(), record.id)) return true;
    if (migrate::Noted(record.spaces_without, space.number)) return true;
    ++lacking;
    for (const std::string& place : record.paths) transaction.PutPath(place, {.item = record.id});
    return true;
  }));
  if (lacking > 0) {
    report->repaired.push_back(std::to_string(lacking) +
                               " pictures will be read again by the next ingest of their folder");
  }
  if (wrong.empty() && lacking == 0) return Status::Ok();
  return store->Commit(std::move(transaction)).status();
}

// In each space, every live item with a vector is in the index exactly once, and the index holds
// nothing else. In the current one every live item has a vector, but for those that say so.
Status Library::Impl::VerifySpace(const storage::SpaceRow& space, VerifyReport* report,
                                  const ProgressFn& progress, std::stop_token stop) {
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow current, Space());
  const bool is_current = space.number == current.number;
  const std::string where = is_current ? "" : "space " + space.space_id + ": ";
  auto opened = SearchState(std::to_string(space.number));
  if (!opened.ok()) {
    report->problems.push_back(where + "index: " + opened.status().message());
    return Status::Ok();
  }
  const std::shared_ptr<const ReadState> state = *opened;
  if (const auto stats = Stats(*state->space)) report->segments += stats->sealed_segments;
  const storage::Snapshot* snapshot = state->snapshot.get();
  std::vector<std::uint64_t> stored;
  std::vector<float> vector;
  bool cancelled = false;
  ESPY_RETURN_IF_ERROR(store->ScanVectors(
      space.number,
      [&](ItemId id, std::span<const std::uint16_t> half) {
        stored.push_back(id);
        if (static_cast<std::int64_t>(half.size()) != space.dimension || !IsUnit(half, &vector)) {
          report->problems.push_back(where + "vector of item " + FormatItemId(id) +
                                     " is not a unit vector of " + std::to_string(space.dimension) +
                                     " values");
        }
        if (progress && stored.size() % 10'000 == 0) progress({"vectors", stored.size(), 0});
        cancelled = stop.stop_requested();
        return !cancelled;
      },
      snapshot));
  if (cancelled) return Status::Cancelled("verify: stopped");
  (is_current ? report->vectors : report->other_vectors) += stored.size();
  std::vector<std::uint64_t> items, due;  // due: those that must have a vector here
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        items.push_back(record.id);
        if (is_current && !migrate::Noted(record.spaces_without, space.number)) {
          due.push_back(record.id);
        }
        return true;
      },
      snapshot));
  const auto differ = [&](const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                          const std::string& what) {
    std::vector<std::uint64_t> extra;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(extra));
    if (extra.empty()) return;
    report->problems.push_back(where + std::to_string(extra.size()) + " " + what + ": " +
                               NameIds(extra));
  };
  const std::vector<std::uint64_t> indexed = state->view->LiveIds();
  differ(due, stored, "items without a vector (the next ingest of their folder makes it)");
  differ(stored, items, "vectors without an item");
  differ(stored, indexed, "vectors missing from the index");
  differ(indexed, stored, "index rows without a vector");
  if (std::adjacent_find(indexed.begin(), indexed.end()) != indexed.end()) {
    report->problems.push_back(where + "an item stands twice in the index");
  }
  return Status::Ok();
}

Result<VerifyReport> Library::Verify(bool repair, const ProgressFn& progress,
                                     std::stop_token stop) try {
  if (repair) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  VerifyReport report;
  if (progress) progress({"files and rows", 0, 0});
  ESPY_ASSIGN_OR_RETURN(report.problems, impl_->store->Verify(repair));
  if (repair) report.repaired = report.problems;
  const auto counts = impl_->store->Count();
  if (!counts.ok() && !report.problems.empty()) return report;  // a row that no one can read
  ESPY_RETURN_IF_ERROR(counts.status());
  report.items = counts->items;
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  if (spaces.empty()) return report;
  const auto verify_spaces = [&]() -> Status {
    report.vectors = report.other_vectors = report.segments = 0;
    for (const storage::SpaceRow& row : spaces) {
      ESPY_RETURN_IF_ERROR(impl_->VerifySpace(row, &report, progress, stop));
    }
    return Status::Ok();
  };
  const std::size_t before = report.problems.size();
  ESPY_RETURN_IF_ERROR(verify_spaces());
  const std::size_t index_problems = report.problems.size() - before;
  const auto check_words = [&]() -> Status {
    if (progress) progress({"texts", 0, 0});
    ESPY_ASSIGN_OR_RETURN(const std::vector<std::string> wrong,
                          impl_->words->Verify(*impl_->RecordSnapshot(), stop));
    report.problems.insert(report.problems.end(), wrong.begin(), wrong.end());
    return Status::Ok();
  };
  ESPY_RETURN_IF_ERROR(check_words());
  const std::size_t before_fields = report.problems.size();
  if (progress) progress({"columns", 0, 0});
  ESPY_RETURN_IF_ERROR(impl_->VerifyFields(&report, stop));
  if (!repair || report.problems.empty()) return report;

  // Whatever is mended below, columns are made of it anew.
  ESPY_RETURN_IF_ERROR(impl_->ForgetFields());
  if (report.problems.size() > before_fields) {
    report.repaired.emplace_back(
        "the filter columns were dropped; they are made again from the records");
  }
  if (before_fields > before + index_problems) {
    ESPY_RETURN_IF_ERROR(impl_->words->Rebuild(progress, stop));
    report.repaired.emplace_back("the text index was made again from the records");
  }
  ESPY_RETURN_IF_ERROR(impl_->RepairVectors(&report));
  const bool rows_changed =
      std::any_of(report.repaired.begin(), report.repaired.end(), TouchesIndex);
  if (index_problems > 0 || rows_changed) {
    for (const storage::SpaceRow& row : spaces) {
      ESPY_RETURN_IF_ERROR(impl_->RebuildIndex(row, progress, stop));
    }
    report.repaired.emplace_back("the index was made again from the stored vectors");
  }
  // What repairing could not mend is what a second look still finds.
  ESPY_ASSIGN_OR_RETURN(report.problems, impl_->store->Verify(false));
  ESPY_RETURN_IF_ERROR(verify_spaces());
  ESPY_RETURN_IF_ERROR(check_words());
  ESPY_RETURN_IF_ERROR(impl_->VerifyFields(&report, stop));
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("verify");
}

}  // namespace espy
