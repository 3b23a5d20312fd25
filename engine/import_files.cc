// import from files: JSON lines, .npy with JSON lines beside it, and Parquet, read in batches.
#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/mapped_file.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "engine/import.h"
#include "engine/out_of_memory.h"
#include "engine/transfer/helper.h"
#include "engine/transfer/npy.h"
#include "engine/transfer/record_json.h"

namespace espy {
namespace {

constexpr std::size_t kBatchRows = 1000;
constexpr std::size_t kBatchBytes = 8u << 20;
constexpr std::size_t kReportedFailures = 1000;

std::string_view TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Takes the next line off `text`, without its end.
std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = std::min(text->find('\n'), text->size());
  std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::uint64_t CountLines(std::string_view text) {
  const auto ends = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  return ends + (text.empty() || text.back() == '\n' ? 0 : 1);
}

class FileImport {
 public:
  FileImport(Library::Impl* library, const ImportFilesOptions& options, const ProgressFn& progress,
             std::stop_token stop)
      : library_(library), options_(options), progress_(progress), stop_(std::move(stop)) {}

  Status Run() {
    if (options_.files.empty()) {
      return Status::InvalidArgument("import: names no file; give .jsonl, .npy or .parquet files");
    }
    if (!options_.payload.empty() &&
        (options_.files.size() != 1 || !options_.files[0].ends_with(".npy"))) {
      return Status::InvalidArgument("--payload: goes with one .npy file");
    }
    for (const std::string& file : options_.files) {
      if (file.ends_with(".npy")) {
        ESPY_RETURN_IF_ERROR(ReadNpy(file));
      } else if (file.ends_with(".jsonl") || file.ends_with(".ndjson")) {
        ESPY_RETURN_IF_ERROR(ReadLines(file));
      } else if (file.ends_with(".parquet")) {
        ESPY_RETURN_IF_ERROR(ReadParquet(file));
      } else {
        return Status::Unsupported(file +
                                   ": is neither .jsonl, .npy nor .parquet by its name; "
                                   "`espy help import` says what can be imported");
      }
    }
    return Flush();
  }

  ImportReport TakeReport() {
    report_.ignored_keys.assign(ignored_.begin(), ignored_.end());
    return std::move(report_);
  }

 private:
  Status ReadLines(const std::string& path) {
    ESPY_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
    std::string_view text = TextOf(*file);
    total_ += CountLines(text);
    for (std::uint64_t number = 1; !text.empty(); ++number) {
      const std::string where = path + ":" + std::to_string(number);
      const std::string_view raw = TakeLine(&text);
      if (raw.find_first_not_of(" \t") == std::string_view::npos) continue;
      Result<transfer::Line> line = Parse(raw, where);
      ESPY_RETURN_IF_ERROR(line.ok()
                               ? Take(line->vector, line->half, std::move(line->record), where)
                               : Fail(where, line.status()));
      if (report_.cancelled) return Status::Ok();
    }
    return Status::Ok();
  }

  // Row by row as lines of JSON, between one that counts them and one that ends them.
  Status ReadParquet(const std::string& path) {
    ESPY_RETURN_IF_ERROR(library_->env->Stat(path).status());
    ESPY_ASSIGN_OR_RETURN(const auto helper,
                          transfer::Helper::Start(transfer::Helper::Job::kRead, path));
    std::string_view text;
    bool ended = false;
    for (std::uint64_t number = 0; !ended; ++number) {
      ESPY_ASSIGN_OR_RETURN(const bool more, helper->ReadLine(&text));
      if (!more) break;
      if (number == 0) {
        ESPY_ASSIGN_OR_RETURN(const auto header, encoders::ParseJson(text, path));
        const encoders::JsonValue* rows = header.Find("rows");
        const std::int64_t* count = rows == nullptr ? nullptr : rows->AsInteger();
        total_ += count == nullptr ? 0 : static_cast<std::uint64_t>(*count);
        continue;
      }
      ended = text == R"({"end":true})";
      if (ended) break;
      const std::string where = path + ": row " + std::to_string(number - 1);
      Result<transfer::Line> line = Parse(text, where);
      ESPY_RETURN_IF_ERROR(line.ok()
                               ? Take(line->vector, line->half, std::move(line->record), where)
                               : Fail(where, line.status()));
      if (report_.cancelled) return Status::Ok();
    }
    ESPY_RETURN_IF_ERROR(helper->Finish());
    if (ended) return Status::Ok();
    return Status::IoError(path + ": espy-parquet ended before the last row; run it again");
  }

  Status ReadNpy(const std::string& path) {
    ESPY_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
    const std::string_view bytes = TextOf(*file);
    ESPY_ASSIGN_OR_RETURN(const transfer::NpyHeader header, transfer::ParseNpyHeader(bytes, path));
    std::unique_ptr<MappedFile> payload;
    ESPY_RETURN_IF_ERROR(OpenPayload(path, header.rows, &payload));
    std::string_view lines = payload ? TextOf(*payload) : std::string_view();
    total_ += static_cast<std::uint64_t>(header.rows);
    const std::string row_prefix = AbsolutePath(path) + "!/";
    std::vector<float> vector(header.value_bytes == 4 ? header.dimension : 0);
    std::vector<std::uint16_t> half(header.value_bytes == 2 ? header.dimension : 0);
    const std::size_t row_bytes = header.value_bytes * static_cast<std::size_t>(header.dimension);
    const char* row = bytes.data() + header.data_offset;
    for (std::int64_t i = 0; i < header.rows; ++i, row += row_bytes) {
      std::string where = path + ": row " + std::to_string(i);
      // Copied: the values need not lie at an address that suits their type.
      if (!vector.empty()) std::memcpy(vector.data(), row, row_bytes);
      if (!half.empty()) std::memcpy(half.data(), row, row_bytes);
      Record record;
      if (payload) {
        where = payload->path() + ":" + std::to_string(i + 1);
        Result<transfer::Line> line = Parse(TakeLine(&lines), where);
        if (line.ok() && !(line->vector.empty() && line->half.empty())) {
          line = Status::InvalidArgument(where + ": has a vector of its own; those are in " + path);
        }
        if (!line.ok()) {
          ESPY_RETURN_IF_ERROR(Fail(where, line.status()));
          continue;
        }
        record = std::move(line->record);
      } else {
        record.paths = {row_prefix + std::to_string(i)};
      }
      ESPY_RETURN_IF_ERROR(Take(vector, half, std::move(record), where));
      if (report_.cancelled) return Status::Ok();
    }
    return Status::Ok();
  }

  // The lines that belong to the rows; none when the vectors stand alone.
  Status OpenPayload(const std::string& npy, std::int64_t rows,
                     std::unique_ptr<MappedFile>* payload) {
    const bool named = !options_.payload.empty();
    const std::string path =
        named ? options_.payload : npy.substr(0, npy.size() - std::strlen(".npy")) + ".jsonl";
    auto opened = MappedFile::Open(path);
    if (!opened.ok()) {
      if (!named && opened.status().code() == StatusCode::kNotFound) return Status::Ok();
      return opened.status();
    }
    const std::uint64_t lines = CountLines(TextOf(**opened));
    if (lines != static_cast<std::uint64_t>(rows)) {
      return Status::InvalidArgument(path + ": has " + std::to_string(lines) + " lines, and " +
                                     npy + " " + std::to_string(rows) +
                                     " rows; give a line for each row");
    }
    *payload = std::move(*opened);
    return Status::Ok();
  }

  Result<transfer::Line> Parse(std::string_view text, const std::string& where) {
    if (text.size() > transfer::kMaxLineBytes) {
      return Status::ResourceExhausted(where + ": the line is longer than 16 MiB; shorten it");
    }
    return transfer::ParseLine(text, where, &ignored_);
  }

  Status Fail(const std::string& where, Status status) {
    ++report_.found;
    ++report_.failed;
    if (report_.failures.size() < kReportedFailures) {
      report_.failures.push_back({where, std::move(status)});
    }
    return Status::Ok();
  }

  Status Take(std::span<const float> vector, std::span<const std::uint16_t> half, Record record,
              const std::string& where) {
    const auto size = static_cast<std::int64_t>(vector.size() + half.size());
    if (dimension_ == 0 && size > 0) ESPY_RETURN_IF_ERROR(ChooseSpace(size));
    if (dimension_ == 0) return Fail(where, Status::InvalidArgument(where + ": has no vector"));
    auto row = PrepareImport(vector, half, std::move(record), dimension_, where);
    if (!row.ok()) return Fail(where, row.status());
    ++report_.found;
    batch_bytes_ += row->half.size() * 2 + row->record.caption.size() + 512;
    batch_.push_back(std::move(*row));
    if (batch_.size() < kBatchRows && batch_bytes_ < kBatchBytes) return Status::Ok();
    return Flush();
  }

  // The library's space, or the one that the first vector begins.
  Status ChooseSpace(std::int64_t first) {
    ImportOptions import = options_.import;
    if (options_.dry_run && !library_->store->CurrentSpace().ok()) {
      dimension_ = import.dimension != 0 ? import.dimension : first;
      return Status::Ok();
    }
    if (import.dimension == 0 && !library_->store->CurrentSpace().ok()) import.dimension = first;
    ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, SpaceForImport(library_, import));
    space_ = space;
    dimension_ = space.dimension;
    return Status::Ok();
  }

  Status Flush() {
    std::vector<ImportRow> rows = std::exchange(batch_, {});
    batch_bytes_ = 0;
    if (!options_.dry_run && !rows.empty()) {
      ESPY_RETURN_IF_ERROR(ImportRows(library_, space_, std::move(rows), &report_));
    }
    if (progress_) progress_({"vectors", report_.found, total_});
    report_.cancelled = stop_.stop_requested();
    return Status::Ok();
  }

  Library::Impl* const library_;
  const ImportFilesOptions& options_;
  const ProgressFn& progress_;
  const std::stop_token stop_;
  storage::SpaceRow space_;
  std::int64_t dimension_ = 0;  // 0 until the first vector
  std::vector<ImportRow> batch_;
  std::size_t batch_bytes_ = 0;
  std::uint64_t total_ = 0;
  std::set<std::string> ignored_;
  ImportReport report_;
};

}  // namespace

Result<ImportReport> Library::ImportFiles(const ImportFilesOptions& options,
                                          const ProgressFn& progress, std::stop_token stop) try {
  if (!options.dry_run) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  const std::int64_t start = impl_->env->MonotonicNs();
  FileImport import(impl_.get(), options, progress, std::move(stop));
  ESPY_RETURN_IF_ERROR(import.Run());
  ImportReport report = import.TakeReport();
  report.seconds = static_cast<double>(impl_->env->MonotonicNs() - start) * 1e-9;
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("importfiles");
}

}  // namespace espy
