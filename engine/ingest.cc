// ingest: folders, files, archives and addresses -> items.
#include "base/status_macros.h"
#include "engine/ingest/pipeline.h"
#include "engine/out_of_memory.h"

namespace espy {

Result<IngestReport> Library::Ingest(const IngestOptions& options, const IngestProgressFn& progress,
                                     std::stop_token stop) try {
  const recall::Monitor::Activity activity(impl_->recall.get());
  ingest::Pipeline pipeline(impl_.get(), options, std::move(stop));
  ESPY_RETURN_IF_ERROR(pipeline.Run(progress));
  return pipeline.TakeReport();
} catch (const std::bad_alloc&) {
  return OutOfMemory("ingest");
}

}  // namespace espy
