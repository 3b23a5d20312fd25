#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/text.h"

namespace espy::cli {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

bool ColourIsWelcome() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  return !refused && term != nullptr && std::strcmp(term, "dumb") != 0;
}

}  // namespace

Output::Output() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {
  colour_ = is_terminal_ && ColourIsWelcome();
  winsize size{};
  if (is_terminal_ && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) {
    columns_ = size.ws_col;
  }
}

void Output::Write(std::string_view bytes) {
  pending_ += bytes;
  if (pending_.size() >= kBufferBytes) (void)Flush();  // an error is kept for the last Flush
}

void Output::Line(std::string_view text) {
  pending_ += text;
  Write("\n");
}

void Output::Path(std::string_view path, bool nul) {
  if (nul) {
    pending_ += path;
    Write(std::string_view("\0", 1));
  } else {
    Line(is_terminal_ ? EscapeForTerminal(path) : std::string(path));
  }
}

std::string Output::Styled(std::string_view text, const char* code) const {
  if (!colour_) return std::string(text);
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

std::string Output::Dim(std::string_view text) const { return Styled(text, "2"); }
std::string Output::Bold(std::string_view text) const { return Styled(text, "1"); }

Status Output::Flush() {
  std::string_view left = pending_;
  while (!left.empty() && error_ == 0) {
    const ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
    if (written > 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno != EINTR) {
      error_ = errno;
    }
  }
  pending_.clear();
  if (error_ == 0 || error_ == EPIPE) return Status::Ok();
  return Status::IoError(std::string("standard output: ") + std::strerror(error_) +
                         "; see where it is sent");
}

void Table::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::Format() const {
  std::vector<int> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(static_cast<std::size_t>(widths[i] - DisplayWidth(row[i])), ' ');
      if (i > 0) line += "  ";
      if (columns_[i] == Align::kRight) line += padding;
      line += row[i];
      if (columns_[i] == Align::kLeft && i + 1 < row.size()) line += padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace espy::cli
