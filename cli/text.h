// Text as people and programs may safely see it: paths are bytes of any kind, and neither a
// terminal nor a JSON reader should be steered by a file's name.
#ifndef ESPY_CLI_TEXT_H_
#define ESPY_CLI_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace espy::cli {

bool IsValidUtf8(std::string_view text);

// `text` on one line of a terminal: control characters, bytes that are not UTF-8 and marks that
// reorder text become \n, \t, \x1b or \u202e; everything else stays as it is.
std::string EscapeForTerminal(std::string_view text);

// For HTML text and attribute values in double quotes: & < > " ' become references, bytes that are
// not UTF-8 and control characters U+FFFD.
std::string EscapeHtml(std::string_view text);

// A file's address: "file://" and the path, percent-encoded.
std::string FileUrl(std::string_view absolute_path);

std::string Base64(std::string_view bytes);

// Columns that `text` takes: one for each code point (valid UTF-8 that EscapeForTerminal has
// passed), two for the wide scripts of East Asia, none for combining marks.
int DisplayWidth(std::string_view text);

// At most `width` columns of `text`, with "…" in the place of what was cut from its front: the end
// of a path says most.
std::string ShortenLeft(std::string_view text, int width);

std::string FormatCount(std::uint64_t n);           // "1,234,567"
std::string FormatBytes(std::uint64_t bytes);       // "1.4 MB", powers of 1000
std::string FormatDuration(double seconds);         // "8 s", "3 min 5 s", "2 h 14 min"
std::string FormatDate(std::int64_t unix_seconds);  // "2024-05-31 17:04:09", UTC
std::string FormatFixed(double value, int digits);

// "1 item", "2 items".
std::string Plural(std::uint64_t n, std::string_view noun);

}  // namespace espy::cli

#endif  // ESPY_CLI_TEXT_H_
