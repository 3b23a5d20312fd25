// One migration: every item gets a vector in the target space, its index is built, and the space
// becomes current. The steps repeat until nothing came in between, so that the last one holds the
// library's write lock for a moment only.
#ifndef ESPY_ENGINE_MIGRATE_MIGRATION_H_
#define ESPY_ENGINE_MIGRATE_MIGRATION_H_

#include <memory>
#include <set>
#include <stop_token>
#include <vector>

#include "engine/library_impl.h"
#include "engine/migrate/wanted.h"
#include "espy/migrate.h"

namespace espy::migrate {

class Migration {
 public:
  Migration(Library::Impl* library, const MigrationOptions& options, std::stop_token stop);

  // The target has its role already (BeginMigration).
  Status Run(const std::shared_ptr<OpenSpace>& target, const ProgressFn& progress);
  MigrationReport TakeReport() { return std::move(report_); }

 private:
  // Until every item of some state has its vector, or cannot have one. That state's number; 0 when
  // it was stopped.
  Result<std::uint64_t> FillAll(const ProgressFn& progress);
  Result<bool> CutOver(std::uint64_t filled_seq);
  Result<bool> Lacks(std::uint64_t after_seq) const;
  Status RequireAll() const;

  Library::Impl* const library_;
  const MigrationOptions options_;
  const std::stop_token stop_;
  std::shared_ptr<OpenSpace> target_;
  std::set<ItemId> settled_;  // in this run
  bool first_plan_ = true;
  MigrationReport report_;
};

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_MIGRATION_H_
