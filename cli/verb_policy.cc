// policy: what ranks, and what else could.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct PolicyFlags {
  std::string version, file;
  std::int64_t slots = 0, within = 0;
  double guard = 0.1;
};

std::string NameOf(const PolicyInfo& policy) {
  return policy.version == 0 ? "similarity" : std::to_string(policy.version);
}

std::string GainLine(const PolicyInfo& policy) {
  if (policy.version == 0) return "";
  return "gain " + FormatFixed(policy.gain, 4) + " a page (" + FormatFixed(policy.gain_lower, 4) +
         " to " + FormatFixed(policy.gain_upper, 4) + "), judged on " +
         Plural(policy.judged_on, "page");
}

// "similarity", "0" or a version.
Result<std::uint64_t> ParseVersion(const std::string& text) {
  if (text == "similarity") return std::uint64_t{0};
  const bool digits = !text.empty() && text.size() < 19 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (digits) return std::uint64_t{std::stoull(text)};
  return Status::InvalidArgument("policy: '" + text +
                                 "' is none; give a number of `espy policy list`, or similarity");
}

// A weight a feature, and those products of two that weigh most; --json has all.
void AddWeights(const PolicyInfo& policy, Table* table) {
  constexpr std::size_t kMostProducts = 10;
  std::vector<std::pair<std::string, double>> products;
  for (const auto& [feature, weight] : policy.weights) {
    if (feature.find('*') == std::string::npos) {
      table->Add({feature, FormatFixed(weight, 3)});
    } else if (weight != 0) {
      products.emplace_back(feature, weight);
    }
  }
  std::stable_sort(products.begin(), products.end(), [](const auto& a, const auto& b) {
    return std::abs(a.second) > std::abs(b.second);
  });
  const std::size_t shown = std::min(products.size(), kMostProducts);
  for (std::size_t i = 0; i < shown; ++i) {
    table->Add({products[i].first, FormatFixed(products[i].second, 3)});
  }
  if (products.size() > shown) {
    table->Add({"other products", std::to_string(products.size() - shown) + " (--json)"});
  }
}

Result<PolicyInfo> FindPolicy(Library* library, const std::string& name) {
  const Result<std::uint64_t> version = ParseVersion(name);
  if (!version.ok()) return version.status();
  Result<std::vector<PolicyInfo>> policies = library->Policies();
  if (!policies.ok()) return policies.status();
  for (PolicyInfo& policy : *policies) {
    if (policy.version == *version) return std::move(policy);
  }
  return Status::NotFound("policy " + name +
                          ": there is none of that number; `espy policy list` "
                          "names them");
}

Outcome List(Session* session) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<std::vector<PolicyInfo>> policies = (*library)->Policies();
  if (!policies.ok()) return policies.status();
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft});
  for (const PolicyInfo& policy : *policies) {
    if (session->json) session->out.Line(ToLine(PolicyToJson(policy)));
    table.Add({NameOf(policy), policy.in_use ? "ranks" : "", GainLine(policy)});
  }
  if (!session->json) session->out.Write(table.Format());
  return kDone;
}

Outcome Show(Session* session, const PolicyFlags& flags) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<PolicyInfo> policy = FindPolicy(library->get(), flags.version);
  if (!policy.ok()) return policy.status();
  if (session->json) {
    session->out.Line(ToLine(PolicyToJson(*policy)));
    return kDone;
  }
  Table table({Table::Align::kLeft, Table::Align::kRight});
  table.Add({"policy", NameOf(*policy)});
  table.Add({"ranks", policy->in_use ? "yes" : "no"});
  if (policy->version != 0) {
    table.Add({"learned on", Plural(policy->learned_on, "page")});
    table.Add({"reward a page", FormatFixed(policy->value, 4)});
    table.Add({"of what ranked before", FormatFixed(policy->value_before, 4)});
  }
  AddWeights(*policy, &table);
  session->out.Write(table.Format());
  if (policy->version != 0) session->out.Line(GainLine(*policy));
  for (const StopInfo& stop : policy->stops) {
    session->out.Line("--min-score auto ends lists of " +
                      std::string(stop.phrases ? "phrases" : "examples") +
                      " by what was learned: F1 " + FormatFixed(stop.f1, 3) + ", " +
                      FormatFixed(stop.f1_fixed, 3) + " by the best fixed cut-off, " +
                      FormatFixed(stop.f1_all, 3) + " without a cut");
  }
  return kDone;
}

Outcome Use(Session* session, const std::string& name) {
  const Result<std::uint64_t> version = ParseVersion(name);
  if (!version.ok()) return version.status();
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  if (Status used = (*library)->UsePolicy(*version); !used.ok()) return used;
  if (!session->quiet) {
    session->Say(*version == 0 ? "espy: similarity ranks"
                               : "espy: policy " + std::to_string(*version) + " ranks");
  }
  return kDone;
}

Outcome Export(Session* session, const PolicyFlags& flags) {
  const Result<std::uint64_t> version = ParseVersion(flags.version);
  if (!version.ok()) return version.status();
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<std::string> bytes = (*library)->ExportPolicy(*version);
  if (!bytes.ok()) return bytes.status();
  std::ofstream out(flags.file, std::ios::binary | std::ios::trunc);
  out.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  out.close();
  if (out) return kDone;
  return Status::IoError(flags.file + ": could not be written; give another place");
}

Outcome Import(Session* session, const PolicyFlags& flags) {
  constexpr std::streamsize kMostBytes = 64 << 20;
  std::ifstream in(flags.file, std::ios::binary | std::ios::ate);
  if (!in) return Status::NotFound(flags.file + ": cannot be opened; give what export wrote");
  if (in.tellg() > kMostBytes) {
    return Status::InvalidArgument(flags.file +
                                   ": is too large for a policy; give what export wrote");
  }
  in.seekg(0);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<std::uint64_t> version = (*library)->ImportPolicy(bytes.str());
  if (!version.ok()) {
    return Status(version.status().code(), flags.file + ": " + version.status().message());
  }
  if (!session->quiet) {
    session->out.Line("policy " + std::to_string(*version) + " is here; espy policy use " +
                      std::to_string(*version) + " has it rank");
  }
  return kDone;
}

Outcome Explore(Session* session, const PolicyFlags& flags) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  Result<ClickSettings> settings = (*library)->GetClickSettings();
  if (!settings.ok()) return settings.status();
  settings->explore_slots = flags.slots;
  settings->explore_within = flags.slots > 0 ? flags.within : 0;
  settings->guard_share = flags.guard;
  return (*library)->SetClickSettings(*settings);
}

}  // namespace

void AddPolicy(CLI::App* program, Session* session) {
  CLI::App* policy = AddVerb(program, session, "policy", "what orders the hits, and its record",
                             R"(Examples:
  espy policy list
  espy policy show 3
  espy policy use 2
  espy policy reset
  espy policy export 3 mine.policy
  espy policy explore --slots 1 --within 20

espy learn makes policies, and switches one on when it is surely better than what ranks. reset gives similarity
order back exactly.
)");
  RequireVerbBelow(policy);
  auto flags = std::make_shared<PolicyFlags>();
  CLI::App* list = AddVerb(policy, session, "list", "all of them, and which one ranks", "");
  Runs(list, session, [session] { return List(session); });
  CLI::App* show = AddVerb(policy, session, "show", "one: what it weighs, and its estimates", "");
  AddWord(show, "VERSION", &flags->version, "its number, or similarity", Need::kRequired);
  Runs(show, session, [session, flags] { return Show(session, *flags); });
  CLI::App* use = AddVerb(policy, session, "use", "have one rank, without proof", "");
  AddWord(use, "VERSION", &flags->version, "its number, or similarity", Need::kRequired);
  Runs(use, session, [session, flags] { return Use(session, flags->version); });
  CLI::App* reset = AddVerb(policy, session, "reset", "have similarity rank again", "");
  Runs(reset, session, [session] { return Use(session, "similarity"); });
  CLI::App* out = AddVerb(policy, session, "export", "write one for another library", "");
  AddWord(out, "VERSION", &flags->version, "its number", Need::kRequired);
  AddWord(out, "FILE", &flags->file, "where to", Need::kRequired);
  Runs(out, session, [session, flags] { return Export(session, *flags); });
  CLI::App* in = AddVerb(policy, session, "import", "take one that export wrote", "");
  AddWord(in, "FILE", &flags->file, "what export wrote", Need::kRequired);
  Runs(in, session, [session, flags] { return Import(session, *flags); });
  CLI::App* explore = AddVerb(policy, session, "explore",
                              "how much of a logged page is left to chance and comparison", "");
  AddInteger(explore, "--slots", &flags->slots, 0, 100,
             "at most so many slots of a page show something else than the next (0)");
  AddInteger(explore, "--within", &flags->within, 0, 100, "from among so many of the first");
  AddNumber(explore, "--guard", &flags->guard, 0, 1,
            "the share of pages that a policy shares with similarity, to see which is liked (0.1)");
  Runs(explore, session, [session, flags] { return Explore(session, *flags); });
}

}  // namespace espy::cli
