// A library's life as it should be: changes drawn from a seed, each from the state before it, and
// that state in plain memory. The same seed gives the same life in every process, so that whoever
// killed a library's writer knows what it must hold.
//
// The items have no picture behind them: records, vectors and thumbnails made from numbers, which
// go through the engine's commits as those of an ingest do.
#ifndef ESPY_TESTS_FAULTS_WORLD_H_
#define ESPY_TESTS_FAULTS_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/testing.h"
#include "espy/library.h"

namespace espy::testing {

inline constexpr std::size_t kWorldDimension = 16;  // of the tiny model

struct WorldItem {
  Record record;  // seq is 0
  std::vector<std::uint16_t> half;
  std::string thumbnail;
};

struct World {
  std::map<ItemId, WorldItem> items;
  std::uint64_t made = 0;  // items ever made
};

// One step of a life. `edits` is one transaction: what each of these items is afterwards, nothing
// when it is forgotten. Steps of the other kinds change no item.
struct Step {
  enum class Kind {
    kPut,
    kRetake,
    kTag,
    kForget,
    kMove,
    kSearch,
    kFlush,
    kSeal,
    kCompact,
    kRebuild
  };
  Kind kind = Kind::kPut;
  std::map<ItemId, std::optional<WorldItem>> edits;
  std::uint64_t made = 0;  // World::made afterwards
  std::uint64_t seed = 0;  // for what the step draws itself
};

// The step `number` of the life `seed`, from the state before it. `maintenance`: how often steps
// that change no item come, as one in so many; 0: never.
Step DrawStep(std::uint64_t seed, std::uint64_t number, const World& world, int maintenance = 4);
void ApplyStep(const Step& step, World* world);  // to the model
Status ApplyStep(const Step& step, const World& before, Library& library);

// How the drills open: the index seals and builds graphs at sizes that a short life reaches.
LibraryHooks SmallHooks(std::shared_ptr<void> file_system = nullptr);
OpenOptions DrillOptions(const std::string& model);

// What `library` holds is `world`, whole: records, paths, hashes, vectors, thumbnails, answers to
// questions drawn from `seed` (ids and score bits, by every plan), and verify finds nothing.
// Sentences about what is not so.
std::vector<std::string> Compare(Library& library, const World& world, std::uint64_t seed);

// Which of the states `library` holds, by its records; -1: none of them.
int Recognise(Library& library, const std::vector<World>& states);

// The query vector `n` of `seed`, and the best of `world` for it: ids and scores.
std::vector<float> QueryVector(std::uint64_t seed, std::uint64_t n);
std::vector<std::pair<ItemId, float>> BestOf(const World& world, const std::vector<float>& query);

std::uint64_t Mix(std::uint64_t a, std::uint64_t b);  // a hash of two numbers

}  // namespace espy::testing

#endif  // ESPY_TESTS_FAULTS_WORLD_H_
