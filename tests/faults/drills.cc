// drills DRILL --seed N --runs N --scratch DIRECTORY --model DIRECTORY
//
// Runs one drill and prints its report as one line of JSON. Exit code: 0 when all held. Whatever
// reads the table of tests/faults/run finds the same numbers there; a failure is run again by its
// seed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/faults/drill.h"

namespace espy::testing {

void DrillReport::Add(const std::string& where, const std::vector<std::string>& found) {
  constexpr std::size_t kKept = 12;
  for (const std::string& sentence : found) {
    if (sentence.starts_with("lost")) ++lost;
    if (sentence.starts_with("half")) ++half;
    if (problems.size() < kKept) {
      problems.push_back(sentence.empty() ? where : where + ": " + sentence);
    }
  }
}

bool NamesRemedy(const std::string& message, const std::string& library) {
  static constexpr const char* kRemedies[] = {"run it again", "run `espy",     "espy verify",
                                              "espy rebuild", "from a backup", "write the line",
                                              "newer espy",   "free space",    "close the library"};
  const bool remedy = std::any_of(std::begin(kRemedies), std::end(kRemedies), [&](const char* r) {
    return message.find(r) != std::string::npos;
  });
  // A row of the library is named by its item or by what it is; a file by its path.
  static constexpr const char* kNames[] = {
      "item ", "segment", "manifest of", "index", "files", "vectors", "log", "items", "thumbnails"};
  const bool named = message.find(library) != std::string::npos ||
                     std::any_of(std::begin(kNames), std::end(kNames), [&](const char* name) {
                       return message.find(name) != std::string::npos;
                     });
  return remedy && named;
}

namespace {

using Drill = DrillReport (*)(const DrillSettings&);
const std::map<std::string, Drill>& AllDrills() {
  static const std::map<std::string, Drill> drills = {{"power", PowerCuts},
                                                      {"control", UnsyncedControl},
                                                      {"power-recovery", CutsInRecovery},
                                                      {"kill", Kills},
                                                      {"kill-recovery", KillsInRecovery},
                                                      {"rot", Rot},
                                                      {"disk", DiskErrors},
                                                      {"restart", Restarts},
                                                      {"memory", Memory},
                                                      {"verbs", Verbs}};
  return drills;
}

int RunDrill(int argc, char** argv) {
  const auto drill = AllDrills().find(argv[1]);
  if (drill == AllDrills().end()) {
    std::fprintf(stderr, "drills: there is no drill '%s'\n", argv[1]);
    return 2;
  }
  DrillSettings settings;
  settings.program = std::filesystem::read_symlink("/proc/self/exe").string();
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--seed") settings.seed = std::stoull(value);
    if (flag == "--runs") settings.runs = std::stoull(value);
    if (flag == "--scratch") settings.scratch = value;
    if (flag == "--model") settings.model = value;
  }
  std::filesystem::create_directories(settings.scratch);
  const auto start = std::chrono::steady_clock::now();
  const DrillReport report = drill->second(settings);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const nlohmann::json line = {{"drill", drill->first},     {"seed", settings.seed},
                               {"runs", report.runs},       {"acknowledged", report.acknowledged},
                               {"lost", report.lost},       {"half", report.half},
                               {"refused", report.refused}, {"seconds", seconds},
                               {"note", report.note},       {"problems", report.problems}};
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return report.problems.empty() ? 0 : 1;
}

}  // namespace
}  // namespace espy::testing

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::vector<std::string> arguments(argv + 2, argv + argc);
  if (std::strcmp(argv[1], "live") == 0) return espy::testing::LiveUntilKilled(arguments);
  if (std::strcmp(argv[1], "starve") == 0) return espy::testing::LiveOutOfMemory(arguments);
  return espy::testing::RunDrill(argc, argv);
}
