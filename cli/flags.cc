#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <cctype>

#include "cli/arguments.h"

namespace espy::cli {

namespace {

// First of an option's checks: takes the mark of Protect() off a number such as -.5.
CLI::Validator AsTyped() {
  return CLI::Validator(
      [](std::string& value) {
        value = Unprotect(value);
        return std::string();
      },
      "");
}

CLI::Option* OneOf(CLI::Option* option, const std::vector<std::string>& choices) {
  return choices.empty() ? option : option->check(CLI::IsMember(choices));
}

}  // namespace

std::string EnvironmentName(const std::string& names) {
  std::string name = names.substr(names.find_last_of(',') + 1);
  name.erase(0, name.find_first_not_of('-'));
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "ESPY_" + name;
}

CLI::Option* AddSwitch(CLI::App* app, const std::string& names, bool* target,
                       const std::string& description) {
  return app->add_flag(names, *target, description)->envname(EnvironmentName(names));
}

CLI::Option* AddText(CLI::App* app, const std::string& names, const std::string& value_name,
                     std::string* target, const std::string& description,
                     const std::vector<std::string>& choices) {
  const auto take = [target](const std::string& value) { *target = Unprotect(value); };
  CLI::Option* option = app->add_option_function<std::string>(names, take, description)
                            ->type_name(value_name)
                            ->envname(EnvironmentName(names))
                            ->take_last();
  return OneOf(option, choices);
}

void AddIndexKind(CLI::App* app, std::string* target, const std::string& description) {
  AddText(app, "--index", "KIND", target, description,
          {"auto", "flat", "hnsw", "hnsw-fp16", "ivf-flat", "ivf-pq", "ivf-rabitq", "disk"});
}

void AddVectorPrecision(CLI::App* app, std::string* target, const std::string& description) {
  AddText(app, "--vectors", "PRECISION", target, description, {"fp16", "fp32"});
}

namespace {

// One of `all` by the name that name_of gives it.
template <class Choice, std::size_t n>
void AddChoice(CLI::App* app, const std::string& flag, const std::string& value_name,
               const Choice (&all)[n], std::string_view (*name_of)(Choice), Choice* target,
               const std::string& description) {
  std::vector<std::string> names;
  for (const Choice choice : all) names.emplace_back(name_of(choice));
  const auto take = [target, choices = std::vector<Choice>(all, all + n),
                     name_of](const std::string& name) {
    for (const Choice choice : choices) {
      if (name == name_of(choice)) *target = choice;
    }
  };
  OneOf(app->add_option_function<std::string>(flag, take, description)
            ->type_name(value_name)
            ->envname(EnvironmentName(flag))
            ->take_last(),
        names);
}

}  // namespace

void AddCompute(CLI::App* app, ComputeFlags* target) {
  static constexpr Precision kPrecisions[] = {Precision::kAuto, Precision::kFloat32,
                                              Precision::kBfloat16, Precision::kFloat16,
                                              Precision::kInt8};
  static constexpr Device kDevices[] = {Device::kAuto, Device::kCpu, Device::kCuda};
  AddChoice(app, "--precision", "NUMBERS", kPrecisions, &PrecisionName, &target->precision,
            "numbers that the model multiplies in (auto: the fastest here of full accuracy)");
  AddChoice(app, "--device", "DEVICE", kDevices, &DeviceName, &target->device,
            "where the model computes and large indexes are searched (cpu; auto: the GPU if there "
            "is one)");
  app->add_option("--vram", target->vram,
                  "most of the GPU's memory that model and index may use, as 8G (what is free)")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->envname(EnvironmentName("--vram"))
      ->take_last();
}

CLI::Option* AddBytes(CLI::App* app, const std::string& names, std::optional<std::uint64_t>* target,
                      const std::string& description) {
  const auto take = [target](const std::uint64_t& value) { *target = value; };
  return app->add_option_function<std::uint64_t>(names, take, description)
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->envname(EnvironmentName(names))
      ->take_last();
}

void AddLimits(CLI::App* app, LimitFlags* target) {
  AddBytes(app, "--disk-quota", &target->disk_quota,
           "the library takes no more disk than this, now and later, as 20G (0: no limit)");
  AddBytes(app, "--memory-budget", &target->memory_budget,
           "its index takes no more memory than this, now and later (0: no limit)");
}

void AddRerankFlags(CLI::App* app, RerankFlags* target) {
  static constexpr Rerank kReranks[] = {Rerank::kOff, Rerank::kItm};
  AddChoice(app, "--rerank", "HOW", kReranks, &RerankName, &target->rerank,
            "order the first hits anew by a model that reads QUERY while it looks at each (off)");
  AddInteger(app, "--rerank-first", &target->first, 1, 1000, "so many first hits (20)");
  AddText(app, "--captioner", "NAME|DIR", &target->captioner,
          "the model of --rerank (espy-mini-caption)");
}

void AddWordFlags(CLI::App* app, WordFlags* target) {
  static constexpr Hybrid kHybrids[] = {Hybrid::kOff, Hybrid::kRrf, Hybrid::kWeights};
  AddText(app, "--text", "WORDS", &target->text,
          "words to find in captions, tags, names and your own texts; alone, or beside QUERY");
  AddChoice(app, "--hybrid", "HOW", kHybrids, &HybridName, &target->hybrid,
            "also look for the words of QUERY in texts, and fuse both by rank or weights (off)");
  AddNumber(app, "--text-weight", &target->text_weight, 0, 1,
            "the part of words when fused by weights (0.5)");
}

CLI::Option* AddTexts(CLI::App* app, const std::string& names, const std::string& value_name,
                      std::vector<std::string>* target, const std::string& description) {
  const auto take = [target](const std::vector<std::string>& values) {
    for (const std::string& value : values) target->push_back(Unprotect(value));
  };
  return app->add_option_function<std::vector<std::string>>(names, take, description)
      ->type_name(value_name)
      ->envname(EnvironmentName(names))
      ->allow_extra_args(false)
      ->expected(1)
      ->take_all();
}

CLI::Option* AddInteger(CLI::App* app, const std::string& names, std::int64_t* target,
                        std::int64_t lowest, std::int64_t highest, const std::string& description) {
  return app->add_option(names, *target, description)
      ->type_name("N")
      ->check(CLI::Range(lowest, highest))
      ->transform(AsTyped())
      ->envname(EnvironmentName(names))
      ->take_last();
}

CLI::Option* AddNumber(CLI::App* app, const std::string& names, double* target, double lowest,
                       double highest, const std::string& description) {
  return app->add_option(names, *target, description)
      ->type_name("X")
      ->check(CLI::Range(lowest, highest))
      ->transform(AsTyped())
      ->envname(EnvironmentName(names))
      ->take_last();
}

CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string* target,
                     const std::string& description, Need need,
                     const std::vector<std::string>& choices) {
  const auto take = [target](const std::string& value) { *target = Unprotect(value); };
  CLI::Option* option = app->add_option_function<std::string>(name, take, description)
                            ->type_name("")
                            ->required(need == Need::kRequired);
  return OneOf(option, choices);
}

CLI::Option* AddWords(CLI::App* app, const std::string& name, std::vector<std::string>* target,
                      const std::string& description, Need need) {
  const auto take = [target](const std::vector<std::string>& values) {
    for (const std::string& value : values) target->push_back(Unprotect(value));
  };
  return app->add_option_function<std::vector<std::string>>(name, take, description)
      ->type_name("")
      ->required(need == Need::kRequired);
}

}  // namespace espy::cli
