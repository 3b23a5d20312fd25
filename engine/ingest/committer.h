// The only writer of an ingest: gathers rows into transactions that keep records and paths true to
// each other.
#ifndef ESPY_ENGINE_INGEST_COMMITTER_H_
#define ESPY_ENGINE_INGEST_COMMITTER_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/ingest/row.h"
#include "engine/library_impl.h"
#include "espy/ingest.h"

namespace espy::ingest {

class Committer {
 public:
  Committer(Library::Impl* library, IngestReport* report);

  // The spaces that rows have vectors of, in their order; before the first Apply.
  void SetSpaces(std::vector<storage::SpaceNumber> spaces) { spaces_ = std::move(spaces); }

  // Applies the rows as one transaction, durable on return. Counts into the report.
  Status Apply(std::vector<Row> rows);

  // After the walk: paths below `roots` whose files are gone leave their items, items without a
  // path are forgotten, and so are earlier failures of files that are gone. A root under which the
  // walk found nothing is left alone: its disk is perhaps not mounted.
  Status SweepMissing(const std::vector<std::string>& roots);
  // Items that lost their last path to other bytes in this run.
  Status SweepEmptied();

 private:
  struct Batch;
  Status TakePath(Batch* batch, const Row& row, ItemId id);
  Status DropPaths(const std::vector<std::string>& paths);
  Status DropFailures(const std::vector<std::string>& roots);
  Result<Record*> Working(Batch* batch, ItemId id);
  Status ApplyRow(Batch* batch, Row row);
  Status Retake(Batch* batch, Row row, ItemId id);
  bool LacksVector(const Batch& batch, ItemId id) const;
  bool IsFromThumbnail(const Batch& batch, ItemId id) const;
  // Into the batch and for the indexes. The record notes the spaces in which it has none.
  void Count(const std::optional<GeneratedCaption>& caption);
  void PutVectors(Batch* batch, Row* row, Record* record);
  Status Finish(Batch* batch);
  Status ForgetPathless(const std::vector<ItemId>& ids);

  Library::Impl* library_;
  IngestReport* report_;
  std::vector<storage::SpaceNumber> spaces_;  // the current one first
  std::set<std::string> failed_;  // in this run: a link that leads nowhere is there, and is listed
  std::set<ItemId> emptied_;
  std::set<ItemId>
      gained_;  // items that got a new path in this run: a lost one of theirs is a move
};

}  // namespace espy::ingest

#endif  // ESPY_ENGINE_INGEST_COMMITTER_H_
