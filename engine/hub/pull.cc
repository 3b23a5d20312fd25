#include "engine/hub/pull.h"

#include <algorithm>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/config.h"
#include "encoders/hub_cache.h"
#include "encoders/model_store.h"
#include "encoders/tokenizers/tokenizer.h"
#include "engine/hub/blob_file.h"
#include "engine/hub/choose.h"
#include "engine/hub/download.h"
#include "engine/hub/failure.h"
#include "engine/hub/listing.h"
#include "engine/hub/url.h"

namespace espy::hub {
namespace {

constexpr std::uint64_t kMaxTextBytes = 32 << 20;  // of the files that say which others there are
constexpr std::int64_t kProgressEveryNs = 100'000'000;

// "1.7 GB".
std::string Bytes(std::uint64_t bytes) {
  const std::uint64_t tenths = bytes / 100'000'000;
  if (tenths == 0) return std::to_string(bytes / 1'000'000) + " MB";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

// One pull, from the name to the report. Methods are called in the order in which they stand.
class Puller {
 public:
  Puller(const PullOptions& options, const Surroundings& surroundings, const ProgressFn& progress,
         std::stop_token stop)
      : options_(options),
        around_(surroundings),
        progress_(progress),
        stop_(stop),
        client_(surroundings.settings, surroundings.patience, stop) {}

  Result<PullReport> Run();

 private:
  // What is here already, when the hub cannot be asked because of `why`.
  Result<PullReport> TakeWhatIsHere(const Status& why);
  Status List();
  Status Choose();
  Result<std::string> ReadSmall(const std::string& file);
  // Fills in sizes and hashes, counts, and looks whether there is room.
  Status Plan();
  Status Fetch();
  Status Finish();

  Status FetchOne(const RemoteFile& remote);
  void Count(std::int64_t bytes);

  const PullOptions& options_;
  const Surroundings& around_;
  const ProgressFn& progress_;
  const std::stop_token stop_;
  Client client_;
  encoders::HubName name_;
  std::unique_ptr<RepositoryCache> cache_;
  FileTarget target_;
  Listing listing_;
  Choice choice_;
  PullReport report_;
  Progress counted_{.what = "bytes"};
  std::int64_t shown_ns_ = 0;
};

Result<PullReport> Puller::Run() {
  ESPY_ASSIGN_OR_RETURN(name_, encoders::ParseHubName(options_.model));
  report_.repository = name_.repository;
  report_.revision = name_.revision.empty() ? "main" : name_.revision;
  report_.dry_run = options_.dry_run;
  if (around_.settings.offline) {
    return TakeWhatIsHere(Status::Unavailable(
        "HF_HUB_OFFLINE: is set, so the hub is not asked; unset it to fetch the model"));
  }
  const Status listed = List();
  if (listed.code() == StatusCode::kUnavailable) return TakeWhatIsHere(listed);
  ESPY_RETURN_IF_ERROR(listed);
  cache_ = std::make_unique<RepositoryCache>(around_.settings.cache, name_.repository);
  target_ = {.settings = &around_.settings,
             .name = name_,
             .commit = listing_.commit,
             .cache = cache_.get(),
             .verify = options_.verify};
  report_.commit = listing_.commit;
  report_.directory = cache_->Snapshot(listing_.commit);
  report_.licence = listing_.licence;
  if (!options_.dry_run) ESPY_RETURN_IF_ERROR(cache_->Prepare());
  ESPY_RETURN_IF_ERROR(Choose());
  ESPY_RETURN_IF_ERROR(Plan());
  if (!options_.dry_run) {
    ESPY_RETURN_IF_ERROR(Fetch());
    ESPY_RETURN_IF_ERROR(Finish());
  }
  report_.name = options_.dry_run
                     ? options_.model
                     : encoders::NameOfSnapshot(around_.settings.cache, report_.directory);
  return std::move(report_);
}

Result<PullReport> Puller::TakeWhatIsHere(const Status& why) {
  Result<std::string> snapshot = encoders::FindSnapshot(around_.settings.cache, name_);
  if (!snapshot.ok()) return why;
  report_.directory = *snapshot;
  report_.commit = snapshot->substr(snapshot->rfind('/') + 1);
  report_.name = encoders::NameOfSnapshot(around_.settings.cache, *snapshot);
  report_.offline = why.message();
  return std::move(report_);
}

Status Puller::List() {
  const std::string url = around_.settings.endpoint + "/api/models/" +
                          EncodeForUrl(name_.repository, "/") + "/revision/" +
                          EncodeForUrl(report_.revision) + "?blobs=true";
  std::string text;
  ESPY_ASSIGN_OR_RETURN(const Reply reply, client_.GetText(url, kMaxListingBytes, &text));
  ESPY_RETURN_IF_ERROR(FailureOf(reply, around_.settings, name_, ""));
  ESPY_ASSIGN_OR_RETURN(listing_, ParseListing(text, url));
  return Status::Ok();
}

Result<std::string> Puller::ReadSmall(const std::string& file) {
  RemoteFile* remote = listing_.Find(file);
  ESPY_RETURN_IF_ERROR(FillIn(&client_, around_.settings, name_, listing_.commit, remote));
  if (*remote->size > kMaxTextBytes) {
    return Status::ResourceExhausted(name_.repository + "/" + file + ": " +
                                     std::to_string(*remote->size) +
                                     " bytes; no model needs that many there");
  }
  const std::string path = report_.directory + "/" + file;
  if (!options_.dry_run) {
    ESPY_RETURN_IF_ERROR(FetchOne(*remote));
    return Env::Default()->ReadFile(path, kMaxTextBytes);
  }
  if (Result<std::string> here = Env::Default()->ReadFile(path, kMaxTextBytes); here.ok()) {
    return here;
  }
  const std::string url = FileUrl(around_.settings, name_.repository, listing_.commit, file);
  std::string text;
  ESPY_ASSIGN_OR_RETURN(const Reply reply, client_.GetText(url, *remote->size, &text));
  ESPY_RETURN_IF_ERROR(FailureOf(reply, around_.settings, name_, file));
  ContentHash hash(remote->hash.size(), text.size());
  hash.Update(text);
  if (hash.Finish() != remote->hash) {
    return Status::Corruption(url + ": what came has not the hash that the hub gives for it");
  }
  return text;
}

Status Puller::Choose() {
  std::string config;
  if (listing_.Find("config.json") != nullptr) {
    ESPY_ASSIGN_OR_RETURN(config, ReadSmall("config.json"));
  }
  ESPY_ASSIGN_OR_RETURN(choice_, ChooseFiles(listing_, name_.repository, config));
  if (choice_.index.empty()) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(const std::string index, ReadSmall(choice_.index));
  return AddShards(listing_, name_.repository, index, &choice_);
}

Status Puller::Plan() {
  std::uint64_t missing = 0;
  counted_.done = 0;
  for (const std::string& file : choice_.files) {
    RemoteFile* remote = listing_.Find(file);
    ESPY_RETURN_IF_ERROR(FillIn(&client_, around_.settings, name_, listing_.commit, remote));
    const std::uint64_t here = BytesHere(target_, *remote);
    report_.bytes += *remote->size;
    counted_.total += *remote->size;
    counted_.done += here;
    missing += *remote->size - here;
    if (options_.dry_run) {
      const std::uint64_t rest = *remote->size - here;
      report_.files.push_back({file, *remote->size, rest, rest > 0 && here > 0});
      report_.fetched += rest;
    }
  }
  if (missing == 0) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t room, around_.free_bytes(*cache_));
  if (room >= missing) return Status::Ok();
  return Status::ResourceExhausted(cache_->cache() + ": " + Bytes(missing) +
                                   " are still to come and " + Bytes(room) +
                                   " are free; make room, or set HF_HUB_CACHE to another disk");
}

void Puller::Count(std::int64_t bytes) {
  counted_.done = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, static_cast<std::int64_t>(counted_.done) + bytes));
  const std::int64_t now = Env::Default()->MonotonicNs();
  if (!progress_ || now - shown_ns_ < kProgressEveryNs) return;
  shown_ns_ = now;
  progress_(counted_);
}

Status Puller::FetchOne(const RemoteFile& remote) {
  const auto counts = [this](std::int64_t bytes) { Count(bytes); };
  ESPY_ASSIGN_OR_RETURN(const FileOutcome outcome,
                        FetchFile(&client_, target_, remote, counts, stop_));
  const auto same = [&remote](const PulledFile& file) { return file.name == remote.name; };
  auto entry = std::find_if(report_.files.begin(), report_.files.end(), same);
  if (entry == report_.files.end()) {
    entry = report_.files.insert(entry, PulledFile{remote.name, *remote.size, 0, false});
  }
  entry->fetched += outcome.fetched;
  entry->resumed = entry->resumed || outcome.resumed;
  report_.fetched += outcome.fetched;
  return Status::Ok();
}

Status Puller::Fetch() {
  for (const std::string& file : choice_.files)
    ESPY_RETURN_IF_ERROR(FetchOne(*listing_.Find(file)));
  // Last, so that the name goes on meaning what was here before until all of this is.
  return cache_->SetRef(report_.revision, listing_.commit);
}

// That the model can be used, short of reading its weights through: their bytes are the hub's.
Status Puller::Finish() {
  if (progress_) progress_(counted_);
  ESPY_RETURN_IF_ERROR(encoders::DescribeEncoder(report_.directory, false).status());
  ESPY_ASSIGN_OR_RETURN(const encoders::ModelConfig config,
                        encoders::ReadModelConfig(report_.directory));
  return encoders::LoadTokenizer(report_.directory, config.tokenizer).status();
}

}  // namespace

Result<PullReport> Pull(const PullOptions& options, const Surroundings& surroundings,
                        const ProgressFn& progress, std::stop_token stop) {
  return Puller(options, surroundings, progress, std::move(stop)).Run();
}

}  // namespace espy::hub
