#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/watch.h"

namespace espy::cli {
namespace {

namespace fs = std::filesystem;

struct IngestFlags {
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  std::string url_list;
  std::string index;
  std::string vectors;
  std::string model;
  std::int64_t jobs = 0;
  std::int64_t batch = 0;
  ComputeFlags compute;
  LimitFlags limits;
  bool nul = false;
  bool dry_run = false;
  bool watch = false;
  bool retry = false;
  bool keep_missing = false;
  bool embedded_thumbnails = false;
  bool caption = false;
  std::string captioner;
};

// Failures that the answer names one by one; espy failures has all of them.
constexpr std::size_t kFailuresShown = 5;

// The non-empty pieces of `text` between `separator`s.
std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> pieces;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    if (end > start) pieces.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return pieces;
}

Result<std::string> ReadList(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    return Status::IoError(path + ": cannot be read; give a file with one address a line");
  }
  return text;
}

// What is to be taken: the paths as given, those from stdin in the place of "-", and the addresses.
Status GatherInput(const IngestFlags& flags, IngestOptions* options) {
  for (const std::string& path : flags.paths) {
    if (path == "-") {
      Result<std::string> list = ReadList("-");
      if (!list.ok()) return list.status();
      for (std::string& line : Split(*list, flags.nul ? '\0' : '\n')) {
        options->paths.push_back(std::move(line));
      }
      continue;
    }
    std::error_code error;
    if (path.empty() || !fs::exists(fs::symlink_status(path, error))) {
      return Status::NotFound((path.empty() ? "''" : path) +
                              ": no such file or folder; give one that is there");
    }
    options->paths.push_back(path);
  }
  if (!flags.url_list.empty()) {
    Result<std::string> list = ReadList(flags.url_list);
    if (!list.ok()) return list.status();
    for (std::string& line : Split(*list, '\n')) {
      if (line.back() == '\r') line.pop_back();
      if (!line.empty() && line.front() != '#') options->urls.push_back(std::move(line));
    }
  }
  return Status::Ok();
}

// Where a new library for these paths belongs: into the first folder among them, else beside the
// first file.
std::string NewLibraryPath(const IngestFlags& flags) {
  std::error_code ignored;
  for (const std::string& path : flags.paths) {
    if (path != "-" && fs::is_directory(path, ignored)) return fs::path(path) / ".espy";
  }
  for (const std::string& path : flags.paths) {
    if (path != "-") return fs::absolute(path, ignored).parent_path() / ".espy";
  }
  return ".espy";
}

struct Place {
  std::string path;
  bool exists = false;
};

// -L and $ESPY_LIBRARY first, then the nearest .espy above the current folder, then above what is
// ingested; where there is none, the place for a new one.
Place FindOrPlaceLibrary(const Session& session, const IngestFlags& flags) {
  std::error_code ignored;
  if (!session.library.empty()) return {session.library, fs::exists(session.library, ignored)};
  if (Result<std::string> found = FindLibrary("."); found.ok()) return {*found, true};
  const std::string fresh = NewLibraryPath(flags);
  const fs::path above = fs::path(fresh).parent_path();
  if (Result<std::string> found = FindLibrary(above.empty() ? "." : above.string()); found.ok()) {
    return {*found, true};
  }
  return {fresh, false};
}

std::string FullPath(const std::string& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

std::string Summary(const IngestReport& report, bool dry_run) {
  std::string text;
  const auto add = [&text](std::uint64_t n, const std::string& words) {
    if (n > 0) text += (text.empty() ? "" : ", ") + FormatCount(n) + " " + words;
  };
  add(report.added, dry_run ? "would be added" : "added");
  add(report.replaced, "of them in place of older versions");
  add(report.retaken, dry_run ? "would be taken again, whole" : "taken again, whole");
  add(report.captioned, "of them captioned");
  add(report.unchanged, "unchanged");
  add(report.known, "already known by content");
  add(report.moved, "of them moved");
  add(report.vanished, report.vanished == 1 ? "path gone" : "paths gone");
  add(report.failed, "failed");
  add(report.skipped, "skipped (not pictures)");
  if (text.empty()) text = report.cancelled ? "nothing taken yet" : "no pictures found";
  text += " in " + FormatDuration(report.seconds);
  if (report.added > 0 && report.seconds > 0 && !dry_run) {
    text += " (" + FormatFixed(static_cast<double>(report.added) / report.seconds, 1) +
            " pictures a second)";
  }
  return text;
}

void Answer(Session* session, const IngestReport& report, const std::string& library,
            bool dry_run) {
  if (session->json) {
    session->out.Line(ToLine(IngestReportToJson(report, FullPath(library), dry_run)));
  } else if (!session->quiet) {
    session->out.Line((report.cancelled ? "stopped: " : "") + Summary(report, dry_run));
  }
  for (std::size_t i = 0; i < report.failures.size() && i < kFailuresShown; ++i) {
    session->Say("espy: failed: " + report.failures[i].status.message());
  }
  if (report.failed > kFailuresShown && !dry_run) {
    session->Say("espy: " + FormatCount(report.failed - kFailuresShown) +
                 " more failed; espy failures lists them all");
  }
  if (report.cancelled && !dry_run) {
    session->Say("espy: what was done is kept; run the same command again to go on");
  }
  session->Mention("espy: decode " + FormatDuration(report.decode_seconds) + ", encode " +
                   FormatDuration(report.encode_seconds) + ", commit " +
                   FormatDuration(report.commit_seconds) + ", read " +
                   FormatBytes(report.bytes_read));
}

Result<IngestReport> RunOnce(Session* session, Library* library, const IngestOptions& options,
                             std::stop_token stop) {
  ProgressMeter meter(session->shows_progress());
  return library->Ingest(
      options, [&meter](const IngestProgress& p) { meter.Show(p); }, stop);
}

Outcome KeepWatching(Session* session, Library* library, const std::string& library_path,
                     IngestOptions options, std::stop_token stop, FolderWatch* watch) {
  options.urls.clear();  // fetched once, before
  session->Say("espy: watching; Ctrl-C ends");
  for (;;) {
    const Result<bool> changed = watch->WaitForChange(stop);
    if (!changed.ok()) return changed.status();
    if (!*changed) return kDone;
    const Result<IngestReport> report = RunOnce(session, library, options, stop);
    if (!report.ok()) return report.status();
    if (report->added + report->retaken + report->moved + report->vanished + report->failed > 0) {
      Answer(session, *report, library_path, false);
      if (Status status = session->out.Flush(); !status.ok()) return status;
    }
  }
}

// A library for a dry run where none is yet: empty, in a temporary folder, gone afterwards.
class ScratchLibrary {
 public:
  ScratchLibrary() {
    std::error_code ignored;
    std::string pattern = (fs::temp_directory_path(ignored) / "espy-dry-run-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) folder_ = pattern;
  }
  ~ScratchLibrary() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  ScratchLibrary(const ScratchLibrary&) = delete;
  ScratchLibrary& operator=(const ScratchLibrary&) = delete;
  std::string path() const { return folder_ + "/.espy"; }

 private:
  std::string folder_;
};

Outcome Ingest(Session* session, const IngestFlags& flags) {
  IngestOptions options;
  options.exclude = flags.exclude;
  options.jobs = static_cast<int>(flags.jobs);
  options.batch_size = static_cast<int>(flags.batch);
  options.dry_run = flags.dry_run;
  options.retry_failures = flags.retry;
  options.detect_missing = !flags.keep_missing;
  options.embedded_thumbnails = flags.embedded_thumbnails;
  if (flags.paths.empty() && flags.url_list.empty()) {
    return Status::InvalidArgument(
        "ingest: nothing to take; name a folder, or - for a list on stdin, or --url-list FILE");
  }
  if (flags.watch && flags.dry_run) {
    return Status::InvalidArgument(
        "ingest: --watch and --dry-run exclude each other; give one of them");
  }
  const bool caption = flags.caption || !flags.captioner.empty();
  if (caption && flags.dry_run) {
    return Status::InvalidArgument(
        "ingest: --caption does not go with --dry-run; run espy caption --dry-run by itself");
  }
  if (Status status = GatherInput(flags, &options); !status.ok()) return status;

  GracefulStop graceful("espy: stopping after what is under way; Ctrl-C again ends at once");
  const std::stop_token stop = graceful.token();
  const Place place = FindOrPlaceLibrary(*session, flags);
  std::unique_ptr<ScratchLibrary> scratch;  // outlives the library that is open inside it
  OpenOptions open;
  open.create_if_missing = true;
  open.model = flags.model;
  open.index = flags.index;
  open.vectors = flags.vectors;
  flags.compute.Apply(&open);
  if (!flags.dry_run) flags.limits.Apply(&open);
  open.read_only = flags.dry_run && place.exists;
  if (!place.exists && flags.dry_run) scratch = std::make_unique<ScratchLibrary>();
  Result<std::unique_ptr<Library>> library =
      Library::Open(scratch != nullptr ? scratch->path() : place.path, open);
  if (!library.ok()) return library.status();
  if (!place.exists) {
    session->Say((flags.dry_run ? "espy: a new library would be made: " : "espy: new library: ") +
                 FullPath(place.path));
  }

  if (caption) options.caption.emplace().model = flags.captioner;
  std::unique_ptr<FolderWatch> watch;
  if (flags.watch) {  // before the first run, so that nothing falls between
    Result<std::unique_ptr<FolderWatch>> made = FolderWatch::Create(options.paths, place.path);
    if (!made.ok()) return made.status();
    watch = *std::move(made);
  }
  const Result<IngestReport> report = RunOnce(session, library->get(), options, stop);
  if (!report.ok()) return report.status();
  Answer(session, *report, place.path, flags.dry_run);
  if (caption && !report->cancelled) {  // what was there before
    const Outcome captioned =
        CaptionPictures(session, library->get(), *options.caption, stop, *report);
    if (!captioned.ok() || (*captioned != kDone && watch == nullptr)) return captioned;
  }
  if (watch != nullptr && !report->cancelled) {
    if (Status status = session->out.Flush(); !status.ok()) return status;
    return KeepWatching(session, library->get(), place.path, options, stop, watch.get());
  }
  if (!flags.dry_run && !report->cancelled) {
    if (Status built = FinishBuilding(*session, library->get(), stop); !built.ok()) return built;
  }
  return report->failed > 0 ? kNothing : kDone;
}

}  // namespace

void AddIngest(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "ingest", "take pictures into the library", R"(Examples:
  espy ingest ~/Pictures
  espy ingest . --exclude '*/thumbnails/*' --dry-run
  find /data -name '*.jpg' -print0 | espy ingest - -0
  espy ingest shard-000.tar shard-001.tar -L photos.espy

Folders are walked; tar archives (.tar, .tar.gz, .tgz, .tar.zst) are read through. Only what is new or
changed is read and embedded. Without a library, one is made as .espy in the first folder given.
--embedded-thumbnails looks at the small copy that cameras put into their JPEGs (EXIF, often 160 x 120 pixels)
where it is as large as what the model looks at and of the picture's shape. Such items have pixels_from =
"thumbnail"; ingest without the flag takes them again, whole. Camera raw files are always taken by their preview.
Exit code 1: some files failed (espy failures says why). Ctrl-C stops cleanly with exit code 130; what was
done is kept, and the same command goes on from there.
)");
  auto flags = std::make_shared<IngestFlags>();
  AddWords(verb, "PATH", &flags->paths, "folders, pictures, tar archives, or - for paths on stdin");
  AddText(verb, "--url-list", "FILE", &flags->url_list,
          "also fetch these addresses, one a line (http, https)");
  AddTexts(verb, "--exclude", "GLOB", &flags->exclude,
           "leave out what matches; may be given several times");
  AddText(verb, "--model", "NAME", &flags->model,
          "the model of a new library: a name or a directory");
  AddIndexKind(verb, &flags->index, "the index of a new library (auto: by its size)");
  AddVectorPrecision(verb, &flags->vectors, "how a new library keeps its vectors (fp16)");
  AddInteger(verb, "--jobs", &flags->jobs, 0, 1024, "decoding threads (0: one for each core)");
  AddInteger(verb, "--batch-size", &flags->batch, 0, 4096,
             "pictures encoded at once (0: the model's choice)");
  AddCompute(verb, &flags->compute);
  AddLimits(verb, &flags->limits);
  AddSwitch(verb, "--embedded-thumbnails", &flags->embedded_thumbnails,
            "take JPEGs by the thumbnails inside, where large enough: fast, less exact");
  AddSwitch(verb, "--caption", &flags->caption,
            "let a model say what pictures show (espy caption)");
  AddText(verb, "--captioner", "NAME|DIR", &flags->captioner,
          "the model for that (espy-mini-caption); implies --caption");
  AddSwitch(verb, "-0,--null", &flags->nul, "paths on stdin end with NUL");
  AddSwitch(verb, "--dry-run", &flags->dry_run, "say what would be taken and change nothing");
  AddSwitch(verb, "--watch", &flags->watch, "stay, and take what is new or changed as it comes");
  AddSwitch(verb, "--retry-failures", &flags->retry,
            "also try again what failed before and has not changed");
  AddSwitch(verb, "--keep-missing", &flags->keep_missing, "keep the paths of files that are gone");
  Runs(verb, session, [session, flags] { return Ingest(session, *flags); });
}

}  // namespace espy::cli
