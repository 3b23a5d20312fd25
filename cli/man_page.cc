#include <string>
#include <string_view>

#include "cli/help.h"
#include "cli/parser.h"
#include "espy/model.h"

namespace espy::cli {
namespace {

// Text as roff: a backslash and a dash stand for themselves, and no line is taken for a request.
std::string Roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string FlagEntry(const FlagFacts& flag) {
  std::string line;
  for (const std::string& name : flag.names) {
    line += (line.empty() ? "" : ", ") + ("\\fB" + Roff(name) + "\\fR");
  }
  if (!flag.value_name.empty()) line += " \\fI" + Roff(flag.value_name) + "\\fR";
  return ".TP\n" + line + "\n" + Roff(flag.description) + "\n";
}

std::string VerbEntry(const CLI::App& verb) {
  std::string text = ".SS \"" + Roff(UsageOf(verb)) + "\"\n" + Roff(verb.get_description()) + ".\n";
  for (const ArgumentFacts& argument : ArgumentsOf(verb)) {
    text += ".TP\n\\fI" + Roff(argument.name) + "\\fR\n" + Roff(argument.description) + "\n";
  }
  for (const FlagFacts& flag : FlagsOf(verb)) {
    if (!flag.common) text += FlagEntry(flag);
  }
  std::string notes = verb.get_footer();
  notes.erase(0, notes.find_first_not_of('\n'));
  if (!notes.empty()) text += ".PP\n.nf\n" + Roff(notes) + ".fi\n";
  for (const CLI::App* below : VerbsOf(verb)) text += VerbEntry(*below);
  return text;
}

constexpr char kEnding[] = R"(.SH ENVIRONMENT
Each flag has a variable, ESPY_ and its name in capitals: \fBESPY_LIBRARY\fR for \fB\-\-library\fR, \fBESPY_DRY_RUN=1\fR
for \fB\-\-dry\-run\fR. What is typed wins.
.TP
\fBESPY_MODELS\fR
directories to look for models in, with colons between
.TP
\fBESPY_CACHE_DIR\fR
the directory for weights laid out for this processor, instead of .espy\-cache in the model's own
.TP
\fBESPY_WEIGHT_CACHE\fR
off: keep no such files and read none; verify: check every byte of them at each start; on
.TP
\fBESPY_CACHE_MB\fR
the most that such files of all models may take in a directory that they share; 16384
.TP
\fBESPY_CPU\fR
baseline, avx2 or avx512: use no wider instructions than these
.TP
\fBNO_COLOR\fR
when set, no colour on the terminal
.SH EXIT STATUS
.TP
0
done, or at least one hit
.TP
1
no hit, or some files failed, or
.B verify
found problems
.TP
2
wrong use or a failure, with one line on standard error: what, why, and what to do
.TP
130, 143
stopped by Ctrl\-C or a termination signal; what was done is kept
.SH FILES
.TP
.B .espy
a library: one directory, by default in the folder that was ingested. Commands find the nearest one from the current
folder upward.
.SH OUTPUT
With
.B \-\-json
standard output holds one JSON object a line and nothing else; progress and messages go to standard error. A path that is
not UTF\-8 has U+FFFD for the odd bytes there, and a second key with \(lq_bytes\(rq added holds the bytes in base64.
)";

}  // namespace

std::string ManualPage(const CLI::App& program) {
  std::string text = ".\\\" Made by: espy help --man\n";
  text += ".TH ESPY 1 \"\" \"Espy " + Roff(Version()) + "\" \"User Commands\"\n";
  text += ".SH NAME\nespy \\- ask your pictures in words\n";
  text += ".SH SYNOPSIS\n.B espy\n.I VERB\n[\\fIARGUMENT\\fR ...] [\\fIFLAG\\fR ...]\n";
  text +=
      ".SH DESCRIPTION\nEspy turns a folder of pictures into a library that can be asked in words "
      "or with a picture. "
      "It runs on this\ncomputer alone: no picture and no question leaves it.\n";
  text += ".SH COMMON FLAGS\n";
  for (const FlagFacts& flag : FlagsOf(program)) text += FlagEntry(flag);
  text += ".SH VERBS\n";
  for (const CLI::App* verb : VerbsOf(program)) text += VerbEntry(*verb);
  return text + kEnding;
}

}  // namespace espy::cli
