#include "engine/migrate/picture_reader.h"

#include <map>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "engine/ingest/archive.h"

namespace espy::migrate {
namespace {

// Room in each queue, in bytes: a few pictures for each core, as in ingest.
constexpr std::size_t kJobBytes = 48 << 20;
constexpr std::size_t kPictureBytes = 48 << 20;

bool IsMember(const std::string& path) {
  const std::string file = ingest::FileOf(path);
  return !file.empty() && file != path;
}

}  // namespace

PictureReader::PictureReader(Env* env, storage::Store* store, const imaging::PreprocessSpec& spec,
                             bool from_thumbnails, int threads, const std::vector<Wanted>& wanted)
    : env_(env),
      store_(store),
      spec_(spec),
      from_thumbnails_(from_thumbnails),
      jobs_(kJobBytes),
      pictures_(kPictureBytes),
      decoders_(threads) {
  try {
    threads_.emplace_back([this, &wanted] { Guarded([&] { FindAll(wanted); }); });
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { Guarded([this] { DecodeAll(); }); });
    }
  } catch (...) {
    Stop();  // so that those that run already end, and can be joined
    throw;
  }
}

PictureReader::~PictureReader() { Stop(); }

void PictureReader::Stop() {
  stop_.request_stop();
  jobs_.Close();
  pictures_.Close();
}

Status PictureReader::status() {
  std::lock_guard lock(mutex_);
  return status_;
}

void PictureReader::End(Status why) {
  {
    std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = std::move(why);
  }
  Stop();
}

bool PictureReader::Offer(Job job) {
  const std::size_t weight = 256 + job.past.size() + (job.bytes ? job.bytes->size() : 0);
  return jobs_.Push(std::move(job), weight) && !stop_.stop_requested();
}

// Members of one archive stand together, and it is read once for all.
void PictureReader::FindAll(std::span<const Wanted> wanted) {
  for (std::size_t begin = 0; begin < wanted.size() && !stop_.stop_requested();) {
    std::size_t end = begin + 1;
    if (from_thumbnails_ || !IsMember(wanted[begin].path)) {
      if (!Offer({wanted[begin].id, {}, {}})) break;
      begin = end;
      continue;
    }
    const std::string archive = ingest::FileOf(wanted[begin].path);
    while (end < wanted.size() && ingest::FileOf(wanted[end].path) == archive) ++end;
    FindInArchive(wanted.subspan(begin, end - begin));
    begin = end;
  }
  jobs_.Close();
}

void PictureReader::FindInArchive(std::span<const Wanted> members) {
  std::map<std::string_view, ItemId> left;
  for (const Wanted& member : members) left.emplace(member.path, member.id);
  const std::string archive = ingest::FileOf(members.front().path);
  if (env_->Stat(archive).ok()) {
    ingest::ReadArchive(archive, {}, stop_.get_token(), [&](ingest::Source source) {
      const auto found = left.find(source.path);
      if (found == left.end()) return true;
      if (source.bytes) {
        const ItemId id = found->second;
        left.erase(found);
        if (!Offer({id, std::move(source.bytes), source.path})) return false;
      }
      return !left.empty();
    });
  }
  for (const auto& [path, id] : left) {
    if (!Offer({id, {}, std::string(path)})) return;
  }
}

Result<PictureReader::Picture> PictureReader::Read(Job job) {
  Picture picture;
  picture.id = job.id;
  auto record = store_->GetItem(job.id);
  if (record.status().code() == StatusCode::kNotFound) {
    picture.forgotten = true;
    return picture;
  }
  ESPY_RETURN_IF_ERROR(record.status());
  picture.record = std::move(*record);
  HeldOptions held;
  held.from_thumbnails = from_thumbnails_;
  held.bytes = std::move(job.bytes);
  held.past = std::move(job.past);
  auto read = ReadHeldPicture(env_, store_, picture.record, spec_, held);
  if (read.ok()) {
    picture.held = std::move(*read);
  } else {
    picture.failure = read.status();
  }
  return picture;
}

void PictureReader::DecodeAll() {
  while (auto job = jobs_.Pop()) {
    if (stop_.stop_requested()) continue;
    Result<Picture> picture = Read(std::move(*job));
    if (!picture.ok()) {
      End(picture.status());
      break;
    }
    const std::size_t weight = 512 + picture->held.tensor.values.size() * sizeof(float);
    pictures_.Push(std::move(*picture), weight);
  }
  if (--decoders_ == 0) pictures_.Close();
}

}  // namespace espy::migrate
