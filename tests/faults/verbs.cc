// Long lives of every verb, drawn from a seed, against the model in plain memory: what the library
// lists, filters, finds and holds is what the model does. A life that goes wrong is made shorter
// for as long as it still goes wrong.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "engine/library_impl.h"
#include "tests/faults/drill.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

constexpr std::uint64_t kSteps = 60;

using Numbers = std::vector<std::uint64_t>;

std::vector<ItemId> Matching(const World& world, const std::function<bool(const Record&)>& test) {
  std::vector<ItemId> ids;
  for (const auto& [id, item] : world.items) {
    if (test(item.record)) ids.push_back(id);
  }
  return ids;
}

// What a filter lists, by the model and by the library.
std::string CheckFilters(Library& library, const World& world) {
  const std::pair<std::string, std::function<bool(const Record&)>> filters[] = {
      {"width > 700", [](const Record& r) { return r.width > 700; }},
      {"caption ~ \"*1*\" and not camera = \"Maker Model\"",
       [](const Record& r) {
         return r.caption.find('1') != std::string::npos && r.camera != "Maker Model";
       }},
      {"file_bytes < 1100 or height > 480",
       [](const Record& r) { return r.file_bytes < 1100 || r.height > 480; }}};
  for (const auto& [where, test] : filters) {
    const auto listed = library.List(where);
    if (!listed.ok()) return where + ": " + listed.status().message();
    std::vector<ItemId> ids;
    for (const Record& record : *listed) ids.push_back(record.id);
    std::sort(ids.begin(), ids.end());
    if (ids != Matching(world, test)) return where + ": lists other items";
  }
  return "";
}

// The groups of duplicates, by comparing every pair.
std::string CheckDuplicates(Library& library, const World& world, std::uint64_t seed) {
  DuplicateOptions options;
  options.max_hash_distance = static_cast<int>(seed % 33);
  options.min_cosine = static_cast<float>(seed % 5) * 0.2f - 0.4f;
  using Group = std::set<ItemId>;
  std::set<std::pair<bool, Group>> expected, found;
  std::vector<ItemId> ids;
  std::vector<std::vector<float>> vectors;
  std::map<ItemId, std::size_t> group;  // a number for each, smaller ones win
  for (const auto& [id, item] : world.items) {
    if (item.record.paths.size() > 1) expected.insert({true, {id}});
    group[id] = ids.size();
    ids.push_back(id);
    vectors.push_back(UnitFromHalf(item.half));
  }
  const auto alike = [&](std::size_t a, std::size_t b) {
    const std::uint64_t x = world.items.at(ids[a]).record.perceptual_hash;
    const std::uint64_t y = world.items.at(ids[b]).record.perceptual_hash;
    if (std::popcount(x ^ y) > options.max_hash_distance || vectors[a].empty()) return false;
    float cosine = 0;
    for (std::size_t i = 0; i < vectors[a].size(); ++i) cosine += vectors[a][i] * vectors[b][i];
    return cosine >= options.min_cosine;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t a = 0; a < ids.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        std::size_t &x = group[ids[a]], &y = group[ids[b]];
        if (x == y || !alike(a, b)) continue;
        x = y = std::min(x, y);
        changed = true;
      }
    }
  }
  std::map<std::size_t, Group> members;
  for (const auto& [id, number] : group) members[number].insert(id);
  for (const auto& [number, of_group] : members) {
    if (of_group.size() > 1) expected.insert({false, of_group});
  }
  const auto groups = library.Duplicates(options);
  if (!groups.ok()) return "duplicates: " + groups.status().message();
  for (const DuplicateGroup& one : *groups) {
    Group of_group;
    for (const Record& record : one.records) of_group.insert(record.id);
    found.insert({one.exact, of_group});
  }
  return found == expected ? ""
                           : "duplicates: " + std::to_string(found.size()) +
                                 " groups in place of " + std::to_string(expected.size());
}

// What goes wrong in the life of these steps; "" when nothing does.
std::string Live(const DrillSettings& settings, std::uint64_t seed, const Numbers& steps,
                 DrillReport* report) {
  const std::string path = settings.scratch + "/lib";
  std::filesystem::remove_all(path);
  std::unique_ptr<Library> library;
  const auto open = [&]() -> std::string {
    library.reset();
    auto opened = OpenWithHooks(path, DrillOptions(settings.model), SmallHooks());
    if (!opened.ok()) return opened.status().message();
    library = std::move(*opened);
    return "";
  };
  if (std::string wrong = open(); !wrong.empty()) return wrong;
  World world;
  for (const std::uint64_t number : steps) {
    const std::string where = "step " + std::to_string(number) + ": ";
    const Step step = DrawStep(seed, number, world, 3);
    if (const Status done = ApplyStep(step, world, *library); !done.ok()) {
      return where + done.message();
    }
    ApplyStep(step, &world);
    if (report != nullptr && !step.edits.empty()) ++report->acknowledged;
    if (step.seed % 13 == 0) {
      if (std::string wrong = open(); !wrong.empty()) return where + wrong;
    }
    if (Recognise(*library, {world}) != 0) return where + "other records than the model's";
    if (std::string wrong = CheckFilters(*library, world); !wrong.empty()) return where + wrong;
    if (step.seed % 3 == 0) {
      if (std::string wrong = CheckDuplicates(*library, world, step.seed / 3); !wrong.empty()) {
        return where + wrong;
      }
    }
    if (step.seed % 7 == 0) {
      const auto wrong = Compare(*library, world, step.seed);
      if (!wrong.empty()) return where + wrong.front();
    }
  }
  const auto wrong = Compare(*library, world, seed);
  return wrong.empty() ? "" : "in the end: " + wrong.front();
}

// Leaves out what the failure does not need: halves, quarters, ... single steps.
Numbers Shrink(const DrillSettings& settings, std::uint64_t seed, Numbers steps) {
  for (std::size_t part = steps.size() / 2; part > 0; part /= 2) {
    for (std::size_t at = 0; at + part <= steps.size();) {
      Numbers fewer(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(at));
      fewer.insert(fewer.end(), steps.begin() + static_cast<std::ptrdiff_t>(at + part),
                   steps.end());
      if (Live(settings, seed, fewer, nullptr).empty()) {
        at += part;
      } else {
        steps = std::move(fewer);
      }
    }
  }
  return steps;
}

}  // namespace

DrillReport Verbs(const DrillSettings& settings) {
  DrillReport report;
  for (std::uint64_t i = 0; i < settings.runs && report.problems.empty(); ++i) {
    const std::uint64_t seed = Mix(settings.seed, i);
    Numbers steps(kSteps);
    for (std::uint64_t n = 0; n < kSteps; ++n) steps[n] = n;
    const std::string wrong = Live(settings, seed, steps, &report);
    ++report.runs;
    if (wrong.empty()) continue;
    const Numbers needed = Shrink(settings, seed, steps);
    std::string list;
    for (const std::uint64_t n : needed) list += " " + std::to_string(n);
    report.Fail("life " + std::to_string(seed) + ": " + wrong + "; " +
                Live(settings, seed, needed, nullptr) + " with steps" + list);
  }
  report.note = std::to_string(kSteps) + " steps each";
  return report;
}

}  // namespace espy::testing
