// caption: what a model says of pictures, and what a person does.
#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/caption/caption_model.h"
#include "engine/caption/caption_run.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

constexpr std::size_t kMaxCaptionBytes = 4096;
constexpr std::int64_t kSimilar = 4;

}  // namespace

Result<CaptionReport> Library::Caption(const CaptionOptions& options, const ProgressFn& progress,
                                       std::stop_token stop) try {
  if (!options.dry_run) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(caption::CheckOptions(options));
  const std::int64_t began = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(const std::string directory, caption::ResolveCaptioner(options.model));
  CaptionReport report;
  report.dry_run = options.dry_run;
  report.model = encoders::ModelName(directory);
  ESPY_ASSIGN_OR_RETURN(report.model_id, captioning::ModelId(directory));
  // What the model has said of the pictures that look most like it: drafts for what it will say.
  const auto similar = [&](ItemId id) {
    std::vector<std::string> captions;
    Query query;
    QueryTerm& term = query.terms.emplace_back();
    term.kind = QueryTerm::Kind::kItem;
    term.item = id;
    SearchOptions nearest;
    nearest.k = kSimilar;
    nearest.exclude_query_items = true;
    const Result<SearchResult> found = Search(query, nearest);
    if (!found.ok()) return captions;  // as an item without a vector: there are no drafts then
    for (const Hit& hit : found->hits) {
      const auto& caption = hit.record.generated_caption;
      if (caption && caption->model_id == report.model_id) captions.push_back(caption->text);
    }
    return captions;
  };
  caption::CaptionRun run(impl_.get(), options, stop, &report, similar);
  ESPY_RETURN_IF_ERROR(run.Plan());
  if (!options.dry_run && report.items > report.by_hand + report.already) {
    const recall::Monitor::Activity activity(impl_->recall.get());
    ESPY_ASSIGN_OR_RETURN(const auto model,
                          caption::CaptionModel::Load(directory, options, impl_->options));
    ESPY_RETURN_IF_ERROR(run.Run(model.get(), progress));
  }
  report.seconds = static_cast<double>(impl_->env->MonotonicNs() - began) * 1e-9;
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("caption");
}

Result<Record> Library::SetCaption(ItemId id, const std::string& text) try {
  if (text.size() > kMaxCaptionBytes || text.find('\0') != std::string::npos) {
    return Status::InvalidArgument("caption of item " + FormatItemId(id) +
                                   ": text is at most 4 KiB, without NUL bytes; shorten it");
  }
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  std::lock_guard lock(impl_->write_mutex());
  ESPY_ASSIGN_OR_RETURN(Record record, Get(id));
  if (record.caption == text) return record;
  record.caption = text;
  Change change;
  change.transaction.PutItem(record);
  ESPY_RETURN_IF_ERROR(impl_->CommitLocked(std::move(change)));
  return Get(id);
} catch (const std::bad_alloc&) {
  return OutOfMemory("setcaption");
}

}  // namespace espy
