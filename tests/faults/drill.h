// A drill: one kind of fault, done to a library many times, and what came of it.
#ifndef ESPY_TESTS_FAULTS_DRILL_H_
#define ESPY_TESTS_FAULTS_DRILL_H_

#include <cstdint>
#include <string>
#include <vector>

namespace espy::testing {

struct DrillSettings {
  std::uint64_t seed = 0;
  std::uint64_t runs = 0;  // 0: all that there are
  std::string scratch;     // a fresh directory of this drill's own
  std::string model;       // the tiny model's directory
  std::string program;     // this program, to start again
};

struct DrillReport {
  std::uint64_t runs = 0;          // kills, cuts, faults: times that it was done
  std::uint64_t acknowledged = 0;  // changes that were, and so must be held
  std::uint64_t lost = 0;          // acknowledged items that are gone
  std::uint64_t half = 0;          // items that are there in part, or should not be
  std::uint64_t refused = 0;       // times that the library said no, and named the remedy
  std::string note;                // one line: what else was counted
  std::vector<std::string> problems;

  // Counts what Compare() found by its first word, and keeps the sentences of the first few.
  void Add(const std::string& where, const std::vector<std::string>& found);
  void Fail(const std::string& problem) { Add(problem, {""}); }
};

DrillReport PowerCuts(const DrillSettings& settings);  // power.cc
DrillReport UnsyncedControl(const DrillSettings& settings);
DrillReport CutsInRecovery(const DrillSettings& settings);
DrillReport Kills(const DrillSettings& settings);  // kill.cc
DrillReport KillsInRecovery(const DrillSettings& settings);
DrillReport Rot(const DrillSettings& settings);         // rot.cc
DrillReport DiskErrors(const DrillSettings& settings);  // disk.cc
DrillReport Memory(const DrillSettings& settings);      // memory.cc
DrillReport Restarts(const DrillSettings& settings);    // restart.cc
DrillReport Verbs(const DrillSettings& settings);       // verbs.cc

// The lives of child processes: arguments after the program's and the role's names.
int LiveUntilKilled(const std::vector<std::string>& arguments);  // kill.cc
int LiveOutOfMemory(const std::vector<std::string>& arguments);  // memory.cc

// The message of a refusal names a file or directory of the library and what to do.
bool NamesRemedy(const std::string& message, const std::string& library);

}  // namespace espy::testing

#endif  // ESPY_TESTS_FAULTS_DRILL_H_
