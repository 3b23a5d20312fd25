#include "cli/arguments.h"

#include <algorithm>

namespace espy::cli {
namespace {

constexpr char kMark = '\x1f';

bool IsOneOf(std::string_view word, const std::vector<std::string>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// "-0.5:car": a term of a query with its weight, not the flag -0.
bool IsWeightedTerm(std::string_view argument) {
  const std::size_t colon = argument.find(':');
  return colon != std::string_view::npos && colon > 1 &&
         argument.substr(1, colon - 1).find_first_not_of("0123456789.") == std::string_view::npos;
}

// Whether a single-dash argument of this verb is a value. In a query `-night` means "away from
// night", in a tag change
// `-draft` takes the tag away; what begins with one of the verb's one-letter flags is that flag.
bool IsDashedValue(std::string_view verb, std::string_view argument) {
  if (argument.size() < 2 || argument[0] != '-' || argument[1] == '-') return false;
  if (verb == "search") {
    return IsWeightedTerm(argument) ||
           std::string_view("0Lhkqv").find(argument[1]) == std::string_view::npos;
  }
  if (verb == "tag") {
    return argument.size() > 2 ||
           std::string_view("Lhqv").find(argument[1]) == std::string_view::npos;
  }
  return false;
}

}  // namespace

ProtectedArguments Protect(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& verbs) {
  ProtectedArguments out;
  bool values_only = false;       // after "--"
  bool value_of_library = false;  // the argument after -L or --library
  int verbs_left = 1;             // "model", "train" and "policy" are followed by another
  for (const std::string& argument : arguments) {
    const bool is_flag = !values_only && !value_of_library && argument.size() > 1 &&
                         argument[0] == '-' && !IsDashedValue(out.verb, argument);
    if (is_flag) {
      if (argument == "--") {
        values_only = true;
        continue;
      }
      value_of_library = argument == "-L" || argument == "--library";
      out.arguments.push_back(argument);
      continue;
    }
    if (!value_of_library && verbs_left > 0) {  // the verb itself, right or wrong
      --verbs_left;
      if (out.verb.empty()) {
        out.verb = argument;
        if (argument == "model" || argument == "train" || argument == "policy") verbs_left = 1;
      }
      out.arguments.push_back(argument);
      continue;
    }
    value_of_library = false;
    const bool misleading = argument.empty() || argument[0] == '-' || argument[0] == '[' ||
                            argument[0] == kMark || argument == "++" || IsOneOf(argument, verbs);
    out.arguments.push_back(misleading ? kMark + argument : argument);
  }
  return out;
}

std::string Unprotect(std::string_view argument) {
  if (!argument.empty() && argument[0] == kMark) argument.remove_prefix(1);
  return std::string(argument);
}

}  // namespace espy::cli
