// Standard output: gathered, written whole, and its errors seen. People get colour on a terminal;
// programs never do.
#ifndef ESPY_CLI_OUTPUT_H_
#define ESPY_CLI_OUTPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"

namespace espy::cli {

class Output {
 public:
  Output();  // looks at stdout and at $NO_COLOR, $TERM

  bool is_terminal() const { return is_terminal_; }
  bool has_colour() const { return colour_; }
  int columns() const { return columns_; }  // of the terminal; 80 when stdout is none

  void Write(std::string_view bytes);
  void Line(std::string_view text);  // with '\n'
  // A path as the answer itself: raw and NUL-ended when `nul`, else a line, escaped when a terminal
  // would show it.
  void Path(std::string_view path, bool nul);

  // Colour when it is wanted; the text alone otherwise.
  std::string Dim(std::string_view text) const;
  std::string Bold(std::string_view text) const;

  // Writes what is left. IoError when stdout did not take all of it (a full disk); a closed pipe is
  // no error.
  Status Flush();

 private:
  std::string Styled(std::string_view text, const char* code) const;

  bool is_terminal_ = false;
  bool colour_ = false;
  int columns_ = 80;
  std::string pending_;
  int error_ = 0;  // errno of the first write that failed
};

// Rows of cells as aligned columns, two spaces between them; the last column is not padded.
class Table {
 public:
  enum class Align { kLeft, kRight };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> row);  // cells without colour or control characters
  std::string Format() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace espy::cli

#endif  // ESPY_CLI_OUTPUT_H_
