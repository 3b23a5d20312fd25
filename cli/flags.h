// Flags, by the CLI11 library, with what all of Espy's flags have in common: an environment
// variable ESPY_FLAG_NAME, a name for the value in the help, and arguments that reach the verb as
// they were typed.
#ifndef ESPY_CLI_FLAGS_H_
#define ESPY_CLI_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "espy/device.h"
#include "espy/precision.h"
#include "espy/query.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace espy::cli {

// `names` is CLI11's: "-k" or "-q,--quiet". The variable is ESPY_ and the long name (the short one
// if there is no other) in capitals, '-' as '_'. The target keeps its value when the flag is not
// given, and must outlive the parser.
CLI::Option* AddSwitch(CLI::App* app, const std::string& names, bool* target,
                       const std::string& description);
CLI::Option* AddText(CLI::App* app, const std::string& names, const std::string& value_name,
                     std::string* target, const std::string& description,
                     const std::vector<std::string>& choices = {});
// May be given several times, one value each.
CLI::Option* AddTexts(CLI::App* app, const std::string& names, const std::string& value_name,
                      std::vector<std::string>* target, const std::string& description);
CLI::Option* AddInteger(CLI::App* app, const std::string& names, std::int64_t* target,
                        std::int64_t lowest, std::int64_t highest, const std::string& description);
CLI::Option* AddNumber(CLI::App* app, const std::string& names, double* target, double lowest,
                       double highest, const std::string& description);

// Where and in which numbers the model computes: --device, --vram, --precision.
struct ComputeFlags {
  Precision precision = Precision::kAuto;
  Device device = Device::kCpu;
  std::uint64_t vram = 0;  // bytes

  // Into OpenOptions or BenchOptions.
  template <class Options>
  void Apply(Options* options) const {
    options->precision = precision;
    options->device = device;
    options->vram = vram;
  }
};
void AddCompute(CLI::App* app, ComputeFlags* target);

// A number of bytes, as "10G" or "512M"; the target stays unset without the flag.
CLI::Option* AddBytes(CLI::App* app, const std::string& names, std::optional<std::uint64_t>* target,
                      const std::string& description);

// What the library may take of this machine: --disk-quota, --memory-budget.
struct LimitFlags {
  std::optional<std::uint64_t> disk_quota;
  std::optional<std::uint64_t> memory_budget;
  template <class Options>
  void Apply(Options* options) const {
    options->disk_quota = disk_quota;
    options->memory_budget = memory_budget;
  }
};
void AddLimits(CLI::App* app, LimitFlags* target);

// --rerank, --rerank-first, --captioner: a second look at the first hits.
struct RerankFlags {
  Rerank rerank = Rerank::kOff;
  std::int64_t first = 20;
  std::string captioner;
};
void AddRerankFlags(CLI::App* app, RerankFlags* target);

// --text, --hybrid, --text-weight: words beside vectors.
struct WordFlags {
  std::string text;
  Hybrid hybrid = Hybrid::kOff;
  double text_weight = 0.5;
};
void AddWordFlags(CLI::App* app, WordFlags* target);

// --vectors PRECISION: how a space that is made keeps them.
void AddVectorPrecision(CLI::App* app, std::string* target, const std::string& description);

// --index KIND.
void AddIndexKind(CLI::App* app, std::string* target, const std::string& description);

// Arguments without a flag. A required one must be given at least once.
enum class Need { kOptional, kRequired };
CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string* target,
                     const std::string& description, Need need,
                     const std::vector<std::string>& choices = {});
CLI::Option* AddWords(CLI::App* app, const std::string& name, std::vector<std::string>* target,
                      const std::string& description, Need need = Need::kOptional);

// The variable that stands for a flag: "ESPY_DRY_RUN" for "-n,--dry-run".
std::string EnvironmentName(const std::string& names);

}  // namespace espy::cli

#endif  // ESPY_CLI_FLAGS_H_
