#include "cli/completion.h"

#include "cli/parser.h"

namespace espy::cli {
namespace {

constexpr char kShells[] = "bash zsh fish";

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::vector<std::string> NamesOf(const std::vector<const CLI::App*>& verbs) {
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
  return names;
}

// What may follow a verb other than a file: further verbs, or a list of words.
std::string WordsAfter(const CLI::App& program, const CLI::App& verb) {
  if (verb.get_name() == "help") return Join(NamesOf(VerbsOf(program)));
  if (verb.get_name() == "completion") return kShells;
  return Join(NamesOf(VerbsOf(verb)));
}

std::vector<std::string> FlagNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const FlagFacts& flag : FlagsOf(app)) {
    for (const std::string& name : flag.names) names.push_back(name);
  }
  return names;
}

// All flags of a verb; those of the verbs below it too, since the shell tells only the first verb.
std::string AllFlagNames(const CLI::App& verb) {
  std::vector<std::string> names = FlagNames(verb);
  for (const CLI::App* below : VerbsOf(verb)) {
    for (const FlagFacts& flag : FlagsOf(*below)) {
      if (!flag.common) names.insert(names.end(), flag.names.begin(), flag.names.end());
    }
  }
  return Join(names);
}

// Inside single quotes of any of the three shells; descriptions hold no single quotes of their own.
std::string Quotable(const std::string& text, const std::string& to_escape) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') continue;
    if (to_escape.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string BashCompletion(const CLI::App& program) {
  std::string out = R"sh(# bash completion for espy: source <(espy completion bash)
_espy() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb= word= words= flags= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -L | --library) ((i++)) ;;
      -*) ;;
      *) verb=$word; break ;;
    esac
  done
  case $verb in
)sh";
  out += "    '') words='" + Join(NamesOf(VerbsOf(program))) + "' flags='" +
         Join(FlagNames(program)) + "' ;;\n";
  for (const CLI::App* verb : VerbsOf(program)) {
    out += "    " + verb->get_name() + ") words='" + WordsAfter(program, *verb) + "' flags='" +
           AllFlagNames(*verb) + "' ;;\n";
  }
  out += R"sh(  esac
  COMPREPLY=()
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -o bashdefault -o default -F _espy espy
)sh";
  return out;
}

std::string ZshCompletion(const CLI::App& program) {
  std::string out =
      "#compdef espy\n# zsh completion for espy: espy completion zsh > "
      "\"${fpath[1]}/_espy\"\n_espy() {\n";
  out += "  local -a verbs flags\n  verbs=(\n";
  for (const CLI::App* verb : VerbsOf(program)) {
    out += "    '" + verb->get_name() + ":" + Quotable(verb->get_description(), ":") + "'\n";
  }
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n  case "
      "$words[2] in\n";
  for (const CLI::App* verb : VerbsOf(program)) {
    out += "    " + verb->get_name() + ")\n      flags=(\n";
    std::vector<FlagFacts> flags = FlagsOf(*verb);
    for (const CLI::App* below : VerbsOf(*verb)) {
      for (const FlagFacts& flag : FlagsOf(*below)) {
        if (!flag.common) flags.push_back(flag);
      }
    }
    for (const FlagFacts& flag : flags) {
      for (const std::string& name : flag.names) {
        out += "        '" + name + "[" + Quotable(flag.description, "[]:\\") + "]";
        if (!flag.value_name.empty()) out += ":" + flag.value_name + ":_files";
        out += "'\n";
      }
    }
    const std::string words = WordsAfter(program, *verb);
    out += "        '*:argument:" + (words.empty() ? std::string("_files") : "(" + words + ")") +
           "'\n      )\n      ;;\n";
  }
  out +=
      "    *) flags=('*:argument:_files') ;;\n  esac\n  shift words\n  (( CURRENT-- ))\n"
      "  _arguments -s $flags\n}\n"
      "if [[ $funcstack[1] == _espy ]]; then _espy \"$@\"; else compdef _espy espy; fi\n";
  return out;
}

std::string FishCompletion(const CLI::App& program) {
  std::string out = "# fish completion for espy: espy completion fish | source\n";
  const std::string all = Join(NamesOf(VerbsOf(program)));
  for (const CLI::App* verb : VerbsOf(program)) {
    out += "complete -c espy -n 'not __fish_seen_subcommand_from " + all + "' -f -a " +
           verb->get_name() + " -d '" + Quotable(verb->get_description(), "\\") + "'\n";
  }
  for (const CLI::App* verb : VerbsOf(program)) {
    const std::string when =
        "complete -c espy -n '__fish_seen_subcommand_from " + verb->get_name() + "'";
    if (const std::string words = WordsAfter(program, *verb); !words.empty()) {
      out += when + " -f -a '" + words + "'\n";
    }
    std::vector<FlagFacts> flags = FlagsOf(*verb);
    for (const CLI::App* below : VerbsOf(*verb)) {
      for (const FlagFacts& flag : FlagsOf(*below)) {
        if (!flag.common) flags.push_back(flag);
      }
    }
    for (const FlagFacts& flag : flags) {
      out += when;
      for (const std::string& name : flag.names) {
        out += name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!flag.value_name.empty()) out += " -r";
      out += " -d '" + Quotable(flag.description, "\\") + "'\n";
    }
  }
  return out;
}

}  // namespace espy::cli
