// export: what the library holds at one moment, in files that other programs read.
#include <cstring>

#include "base/status_macros.h"
#include "engine/filter.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "engine/transfer/file_writer.h"
#include "engine/transfer/helper.h"
#include "engine/transfer/npy.h"
#include "engine/transfer/record_json.h"

namespace espy {
namespace {

using transfer::FileWriter;
using transfer::Helper;
using transfer::RequireFree;

// Where the records go, one after the other in order of id.
struct Target {
  std::unique_ptr<FileWriter> lines;
  std::unique_ptr<FileWriter> vectors;  // null: they are in the lines
  std::unique_ptr<Helper> parquet;      // where it is there, the lines go to it

  Status Append(const std::string& line) const {
    return parquet ? parquet->Write(line) : lines->Append(line);
  }
};

// What it needs to know before the first record.
Result<std::string> ParquetHeader(storage::Store* store, std::int64_t dimension) {
  ESPY_ASSIGN_OR_RETURN(const where::UserFields fields, KnownUserFields(store));
  std::string header = "{\"dimension\":" + std::to_string(dimension) + ",\"fields\":{";
  for (const auto& [name, type] : fields) {
    if (header.back() != '{') header += ',';
    // A name is letters, digits and lines below.
    header += '"' + name + "\":\"" + (type ? std::string(UserFieldTypeName(*type)) : "mixed") + '"';
  }
  return header + "}}\n";
}

Result<Target> OpenTarget(Env* env, storage::Store* store, const ExportOptions& options,
                          std::int64_t dimension, std::vector<std::string>* files) {
  Target target;
  if (options.to.ends_with(".parquet")) {
    ESPY_RETURN_IF_ERROR(RequireFree(env, options.to, options.overwrite));
    ESPY_ASSIGN_OR_RETURN(target.parquet, Helper::Start(Helper::Job::kWrite, options.to));
    ESPY_ASSIGN_OR_RETURN(const std::string header, ParquetHeader(store, dimension));
    ESPY_RETURN_IF_ERROR(target.parquet->Write(header));
    files->push_back(options.to);
    return target;
  }
  std::string lines = options.to;
  if (options.to.ends_with(".npy")) {
    if (dimension == 0) {
      return Status::InvalidArgument(options.to + ": the library has no vectors to export");
    }
    lines = options.to.substr(0, options.to.size() - std::strlen(".npy")) + ".jsonl";
    ESPY_RETURN_IF_ERROR(RequireFree(env, options.to, options.overwrite));
    ESPY_RETURN_IF_ERROR(RequireFree(env, lines, options.overwrite));
    ESPY_ASSIGN_OR_RETURN(target.vectors, FileWriter::Create(options.to));
    ESPY_RETURN_IF_ERROR(target.vectors->Append(transfer::MakeNpyHeader(0, dimension)));
    files->push_back(options.to);
  } else if (!options.to.ends_with(".jsonl")) {
    return Status::Unsupported(
        "--to " + options.to +
        ": ends in neither .jsonl, .npy nor .parquet; name a file that does");
  }
  ESPY_RETURN_IF_ERROR(RequireFree(env, lines, options.overwrite));
  ESPY_ASSIGN_OR_RETURN(target.lines, FileWriter::Create(lines));
  files->push_back(lines);
  return target;
}

}  // namespace

Result<ExportReport> Library::Export(const ExportOptions& options, const ProgressFn& progress,
                                     std::stop_token stop) try {
  std::unique_ptr<const where::Filter> filter;
  if (!options.where.empty()) {
    ESPY_ASSIGN_OR_RETURN(filter, ParseFilter(impl_->store.get(), options.where));
  }
  storage::SpaceRow space;
  if (const auto current = impl_->store->CurrentSpace(); current.ok()) {
    ESPY_ASSIGN_OR_RETURN(space, impl_->Space());
  } else if (current.status().code() != StatusCode::kNotFound) {
    return current.status();
  }
  ExportReport report;
  ESPY_ASSIGN_OR_RETURN(const Target target, OpenTarget(impl_->env, impl_->store.get(), options,
                                                        space.dimension, &report.files));
  const auto snapshot = impl_->RecordSnapshot();
  Status failed;
  std::vector<std::uint16_t> half;
  std::vector<float> fp32;
  const auto take = [&](const Record& record) -> Status {
    half.clear();
    fp32.clear();
    if (space.dimension != 0) {
      Status read =
          space.fp32 ? impl_->store->GetFp32Vector(space.number, record.id, &fp32, snapshot.get())
                     : impl_->store->GetVector(space.number, record.id, &half, snapshot.get());
      if (!read.ok() && read.code() != StatusCode::kNotFound) return read;
    }
    const bool none = half.empty() && fp32.empty();
    if (none) ++report.without_vector;
    if (!target.vectors) {
      ++report.items;
      return target.Append(transfer::RecordToLine(record, half, fp32) + '\n');
    }
    if (none) return Status::Ok();
    ++report.items;
    ESPY_RETURN_IF_ERROR(target.lines->Append(transfer::RecordToLine(record, {}) + '\n'));
    const auto bytes = space.fp32 ? std::as_bytes(std::span(fp32)) : std::as_bytes(std::span(half));
    return target.vectors->Append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  ESPY_RETURN_IF_ERROR(impl_->store->ScanItems(
      [&](const Record& record) {
        if (stop.stop_requested()) {
          failed = Status::Cancelled("export: stopped; no file was written");
        } else if (!filter || filter->Matches(record)) {
          failed = take(record);
          if (progress && report.items % 1000 == 0) progress({"items", report.items, 0});
        }
        return failed.ok();
      },
      snapshot.get()));
  ESPY_RETURN_IF_ERROR(failed);
  if (target.parquet) {
    ESPY_RETURN_IF_ERROR(target.parquet->Write("{\"end\":true}\n"));
    ESPY_RETURN_IF_ERROR(target.parquet->Finish());
    ESPY_ASSIGN_OR_RETURN(const FileFacts facts, impl_->env->Stat(options.to));
    report.bytes = facts.size;
    return report;
  }
  report.bytes = target.lines->bytes();
  if (target.vectors) {
    report.bytes += target.vectors->bytes();
    ESPY_RETURN_IF_ERROR(target.vectors->Overwrite(transfer::MakeNpyHeader(
        static_cast<std::int64_t>(report.items), space.dimension, space.fp32)));
    ESPY_RETURN_IF_ERROR(target.vectors->Finish());
  }
  ESPY_RETURN_IF_ERROR(target.lines->Finish());
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("export");
}

}  // namespace espy
