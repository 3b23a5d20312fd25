// Opening and closing a library, and finding the one that a folder means.
#include <filesystem>

#include "base/env.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "index/index_kind.h"

namespace espy {

Result<std::string> FindLibrary(const std::string& start) {
  const std::string absolute = AbsolutePath(start);
  std::filesystem::path folder = absolute;
  for (;;) {
    const std::string candidate = (folder / ".espy").string();
    if (auto facts = Env::Default()->Stat(candidate);
        facts.ok() && facts->kind == FileFacts::Kind::kDirectory) {
      return candidate;
    }
    if (!folder.has_parent_path() || folder.parent_path() == folder) break;
    folder = folder.parent_path();
  }
  return Status::NotFound(absolute +
                          ": no library here or in any folder above; make one with `espy ingest "
                          "FOLDER`, or name one with --library");
}

Library::Impl::Impl(std::string library_path, OpenOptions open_options, Env* environment,
                    testing::LibraryHooks test_hooks)
    : path(std::move(library_path)),
      options(std::move(open_options)),
      env(environment),
      hooks(std::move(test_hooks)) {}

Library::Impl::~Impl() {
  StopMigration();
  if (migration_thread_.joinable()) migration_thread_.join();
  StopBackground();
  if (stored_fields) StoreFieldsAtClose();
  if (page_log) page_log->FlushAtClose();
  recall.reset();  // while there is a store to save to
  words.reset();   // follows what is left, from the store
}

Status Library::Impl::OpenStore() {
  storage::StoreOptions store_options;
  store_options.create_if_missing = options.create_if_missing && !options.read_only;
  store_options.read_only = options.read_only;
  store_options.sync = options.durability == Durability::kSync;
  store_options.recover_tail = options.recover_tail;
  words = std::make_unique<TextFeed>(path, options.read_only);
  ESPY_ASSIGN_OR_RETURN(store, storage::testing::OpenWithHooks(path, store_options, hooks.storage));
  opened_seq_ = store->last_seq();
  stored_fields = std::make_unique<StoredFields>(store.get());
  page_log = std::make_unique<clicks::PageLog>(path, store.get(), env, options.read_only);
  ranker = std::make_unique<clicks::Ranker>(store.get());
  words->Attach(store.get(), [this] { return RecordSnapshot(); });
  const Result<double> stored = store->GetRecallTarget();
  const double target = stored.ok() ? *stored : kDefaultRecallTarget;
  recall =
      std::make_unique<recall::Monitor>(options.read_only ? 0 : options.recall_share, target, env);
  return Status::Ok();
}

Status Library::Impl::RequireWritable() const {
  if (!options.read_only) return Status::Ok();
  return Status::InvalidArgument(path + ": opened read-only; open it for writing to change it");
}

Library::Library(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Library::~Library() = default;

Result<std::unique_ptr<Library>> Library::Open(const std::string& path,
                                               const OpenOptions& options) {
  return Impl::Open(path, options, {});
}

Result<std::unique_ptr<Library>> Library::Impl::Open(const std::string& path,
                                                     const OpenOptions& options,
                                                     const testing::LibraryHooks& hooks) try {
  if (options.threads < 0) {
    return Status::InvalidArgument("threads: " + std::to_string(options.threads) +
                                   " is negative; give 0 for one a core");
  }
  if (!(options.recall_share >= 0 && options.recall_share <= 1)) {
    return Status::InvalidArgument("recall_share: is a part of all searches; give 0 to 1");
  }
  if (!options.index.empty()) {
    ESPY_RETURN_IF_ERROR(index::ParseIndexKind(options.index).status());
  }
  if (!options.vectors.empty() && options.vectors != "fp16" && options.vectors != kFp32Vectors) {
    return Status::InvalidArgument("vectors: '" + options.vectors + "' is neither fp16 nor fp32");
  }
  auto impl = std::make_unique<Impl>(AbsolutePath(path), options, Env::Default(), hooks);
  ESPY_RETURN_IF_ERROR(impl->OpenStore());
  ESPY_RETURN_IF_ERROR(impl->OpenLimits());
  if (!options.model.empty()) {
    ESPY_RETURN_IF_ERROR(impl->Space().status());  // a model that does not fit is refused at once
  }
  if (!options.read_only && options.background_build) impl->StartBackground();
  return std::unique_ptr<Library>(new Library(std::move(impl)));
} catch (const std::bad_alloc&) {
  return OutOfMemory("open");
}

namespace testing {
Result<std::unique_ptr<Library>> OpenWithHooks(const std::string& path, const OpenOptions& options,
                                               const LibraryHooks& hooks) {
  return Library::Impl::Open(path, options, hooks);
}
Library::Impl& ImplOf(Library& library) { return Library::Impl::Of(library); }
}  // namespace testing

}  // namespace espy
