#include "tests/faults/world.h"

#include <cmath>
#include <numbers>
#include <random>

#include "base/sha256.h"
#include "engine/library_impl.h"

namespace espy::testing {
namespace {

constexpr std::size_t kMostItems = 400;

std::vector<float> UnitVector(std::uint64_t seed) {
  std::vector<float> vector(kWorldDimension);
  double squares = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    // A normal deviate by Box and Muller: the same numbers from every standard library.
    const auto uniform = [&](std::uint64_t which) {
      return (static_cast<double>(Mix(seed, 2 * i + which) >> 11) + 0.5) * 0x1p-53;
    };
    vector[i] = static_cast<float>(std::sqrt(-2 * std::log(uniform(0))) *
                                   std::cos(2 * std::numbers::pi * uniform(1)));
    squares += static_cast<double>(vector[i]) * vector[i];
  }
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
  return vector;
}

std::string Thumbnail(std::uint64_t seed) {
  // Most of them long enough for a blob file.
  std::string bytes(seed % 4 == 0 ? 300 : 4200 + seed % 3000, '\0');
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t word = random();
    bytes.replace(i, 8, reinterpret_cast<const char*>(&word), 8);
  }
  return bytes;
}

WorldItem MakeItem(std::uint64_t life, std::uint64_t n) {
  WorldItem item;
  Record& record = item.record;
  record.content_hash = Sha256(std::to_string(life) + " picture " + std::to_string(n));
  record.id = (Mix(life, n) >> 1) | 1;
  record.paths = {"/pictures/" + std::to_string(n % 7) + "/" + std::to_string(n) + ".jpg"};
  if (n % 11 == 0) record.paths.push_back("/pictures/copies/" + std::to_string(n) + ".jpg");
  std::sort(record.paths.begin(), record.paths.end());
  record.format = "jpeg";
  record.file_bytes = 1000 + n;
  record.width = static_cast<std::int32_t>(640 + n % 100);
  record.height = 480;
  record.added_unix = 1'700'000'000 + static_cast<std::int64_t>(n);
  record.modified_unix = 1'600'000'000;
  if (n % 2 == 0) record.taken_unix = 1'500'000'000 - static_cast<std::int64_t>(n);
  if (n % 4 == 0) record.place = Place{51.5, -0.1};
  record.camera = n % 3 == 0 ? "Maker Model" : "";
  record.perceptual_hash = Mix(n, 5);
  record.caption = n % 2 == 1 ? "a picture of " + std::to_string(n) : "";
  item.half = HalfFromUnit(UnitVector(Mix(life, n)));
  item.thumbnail = Thumbnail(Mix(life, n + 1));
  return item;
}

// An item of the world; it is not empty.
const WorldItem& AnyOf(const World& world, std::uint64_t draw) {
  return std::next(world.items.begin(), static_cast<std::ptrdiff_t>(draw % world.items.size()))
      ->second;
}

Status CommitEdits(const Step& step, const World& before, Library& library) {
  Library::Impl& impl = ImplOf(library);
  auto space = impl.Space();
  if (!space.ok()) return space.status();
  Change change;
  for (const auto& [id, after] : step.edits) {
    const auto old = before.items.find(id);
    change.transaction.PutItem(after->record);
    for (const std::string& path : after->record.paths) {
      change.transaction.PutPath(path, {id, after->record.file_bytes, 12'345, id});
    }
    if (old != before.items.end()) {
      for (const std::string& path : old->second.record.paths) {
        if (std::find(after->record.paths.begin(), after->record.paths.end(), path) ==
            after->record.paths.end()) {
          change.transaction.DeletePath(path);
        }
      }
    }
    if (old == before.items.end() || old->second.half != after->half) {
      change.PutVector(space->number, id, after->half);
    }
    if (old == before.items.end() || old->second.thumbnail != after->thumbnail) {
      change.transaction.PutThumbnail(id, after->thumbnail);
    }
  }
  return impl.Commit(std::move(change));
}

Status TagItem(const Step& step, const World& before, Library& library) {
  const auto& [id, after] = *step.edits.begin();
  return library.Tag(id, after->record.tags, before.items.at(id).record.tags).status();
}

Status SearchOnce(const Step& step, Library& library) {
  Query query;
  query.terms.emplace_back();
  query.terms[0].kind = QueryTerm::Kind::kVector;
  query.terms[0].vector = QueryVector(step.seed, 0);
  SearchOptions options;
  options.k = 5;
  options.exact = step.seed % 2 == 0;
  return library.Search(query, options).status();
}

}  // namespace

std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {  // splitmix64
  std::uint64_t x = a + 0x9e3779b97f4a7c15ULL * (b + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::vector<float> QueryVector(std::uint64_t seed, std::uint64_t n) {
  return UnitVector(Mix(seed, n + 1'000'000));
}

Step DrawStep(std::uint64_t seed, std::uint64_t number, const World& world, int maintenance) {
  std::mt19937_64 random(Mix(seed, number));
  Step step;
  step.made = world.made;
  step.seed = random();
  if (maintenance > 0 && random() % static_cast<std::uint64_t>(maintenance) == 0) {
    static constexpr Step::Kind kKinds[] = {
        Step::Kind::kSearch, Step::Kind::kSearch,  Step::Kind::kFlush,  Step::Kind::kSeal,
        Step::Kind::kSeal,   Step::Kind::kCompact, Step::Kind::kRebuild};
    step.kind = kKinds[random() % std::size(kKinds)];
    return step;
  }
  const std::uint64_t draw = random() % 100;
  if (world.items.empty() || (draw < 60 && world.items.size() < kMostItems)) {
    step.kind = Step::Kind::kPut;
    const std::uint64_t count = draw < 10 ? 20 + random() % 30 : 1 + random() % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      WorldItem item = MakeItem(seed, ++step.made);
      const ItemId id = item.record.id;
      step.edits.emplace(id, std::move(item));
    }
    return step;
  }
  WorldItem item = AnyOf(world, random());
  const ItemId id = item.record.id;
  if (draw < 70) {
    step.kind = Step::Kind::kRetake;
    item.half = HalfFromUnit(UnitVector(random()));
    item.thumbnail = Thumbnail(random());
    item.record.perceptual_hash = random();
  } else if (draw < 80) {
    step.kind = Step::Kind::kTag;
    item.record.tags = {"tag" + std::to_string(random() % 1'000'000)};
  } else if (draw < 88) {
    step.kind = Step::Kind::kMove;
    item.record.paths = {"/moved/" + FormatItemId(random()) + ".jpg"};
  } else {
    step.kind = Step::Kind::kForget;
    const std::uint64_t count = draw < 97 ? 1 + random() % 5 : 1 + world.items.size() / 2;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, 200); ++i) {
      step.edits.emplace(AnyOf(world, random()).record.id, std::nullopt);
    }
    return step;
  }
  step.edits.emplace(id, std::move(item));
  return step;
}

void ApplyStep(const Step& step, World* world) {
  for (const auto& [id, after] : step.edits) {
    if (after) {
      world->items[id] = *after;
    } else {
      world->items.erase(id);
    }
  }
  world->made = step.made;
}

Status ApplyStep(const Step& step, const World& before, Library& library) {
  switch (step.kind) {
    case Step::Kind::kPut:
    case Step::Kind::kRetake:
    case Step::Kind::kMove:
      return CommitEdits(step, before, library);
    case Step::Kind::kTag:
      return TagItem(step, before, library);
    case Step::Kind::kForget: {
      ForgetOptions forget;
      for (const auto& edit : step.edits) forget.targets.push_back(FormatItemId(edit.first));
      return library.Forget(forget).status();
    }
    case Step::Kind::kSearch:
      return SearchOnce(step, library);
    case Step::Kind::kFlush:
      return ImplOf(library).store->Flush();
    case Step::Kind::kSeal:
      return library.WaitForBackground();
    case Step::Kind::kCompact:
      return library.Compact().status();
    case Step::Kind::kRebuild:
      return library.Rebuild();
  }
  return Status::InvalidArgument("a step of an unknown kind");
}

LibraryHooks SmallHooks(std::shared_ptr<void> file_system) {
  LibraryHooks hooks;
  hooks.storage.file_system = std::move(file_system);
  hooks.storage.write_buffer_bytes = 256 << 10;  // so that a few pictures already make files
  hooks.seal_rows = 48;
  hooks.index_rows = 32;
  return hooks;
}

OpenOptions DrillOptions(const std::string& model) {
  OpenOptions options;
  options.create_if_missing = true;
  options.model = model;
  options.threads = 1;
  return options;
}

}  // namespace espy::testing
