#include "cli/progress_meter.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/text.h"

namespace espy::cli {
namespace {

constexpr std::chrono::milliseconds kRedrawEvery(100);
constexpr std::chrono::seconds kLineEvery(5);

int TerminalColumns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string FormatProgress(const ProgressLine& line) {
  // Nothing is counted, and something is being made.
  if (line.done == 0 && line.total == 0 && !line.total_grows) return line.what + " ...";
  const bool bytes = line.what == "bytes";  // these have units of their own
  const auto amount = [bytes](std::uint64_t n) { return bytes ? FormatBytes(n) : FormatCount(n); };
  std::string text = amount(line.done);
  if (line.total > 0) text += " / " + amount(line.total) + (line.total_grows ? "+" : "");
  if (!bytes) text += " " + line.what;
  if (line.total > 0 && !line.total_grows) {
    text += "  " + std::to_string(std::min<std::uint64_t>(line.done * 100 / line.total, 100)) + "%";
  }
  if (line.per_second > 0) {
    text += "  " + (!bytes && line.per_second < 99.95
                        ? FormatFixed(line.per_second, 1)
                        : amount(static_cast<std::uint64_t>(line.per_second + 0.5)));
    text += "/s";
  }
  if (line.seconds_left >= 0 && !line.total_grows) {
    text += "  " + FormatDuration(std::max(1.0, line.seconds_left)) + " left";
  }
  if (line.failed > 0) text += "  " + FormatCount(line.failed) + " failed";
  return text;
}

ProgressMeter::ProgressMeter(bool enabled)
    : enabled_(enabled),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      last_drawn_(is_terminal_ ? Clock::time_point() : Clock::now()) {}

ProgressMeter::~ProgressMeter() { Clear(); }

void ProgressMeter::Show(const IngestProgress& progress) {
  ProgressLine line;
  line.what = "pictures";
  line.done = progress.done;
  line.total = progress.found;
  line.total_grows = !progress.walk_done;
  line.failed = progress.failed;
  line.per_second = progress.pictures_per_second;
  line.seconds_left = progress.seconds_left;
  Draw(line);
}

void ProgressMeter::Show(const Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (progress.what != phase_ || progress.done < phase_first_) {
    phase_ = progress.what;
    phase_start_ = now;
    phase_first_ = progress.done;
  }
  const double seconds = std::chrono::duration<double>(now - phase_start_).count();
  ProgressLine line;
  line.what = progress.what;
  line.done = progress.done;
  line.total = progress.total;
  if (seconds >= 1) {
    line.per_second = static_cast<double>(progress.done - phase_first_) / seconds;
    if (line.per_second > 0 && progress.total >= progress.done) {
      line.seconds_left = static_cast<double>(progress.total - progress.done) / line.per_second;
    }
  }
  Draw(line);
}

void ProgressMeter::Draw(const ProgressLine& line) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  if (is_terminal_) {
    if (now - last_drawn_ < kRedrawEvery) return;
    const std::string text = EscapeForTerminal(FormatProgress(line));
    const std::size_t room = static_cast<std::size_t>(std::max(TerminalColumns() - 1, 1));
    std::fprintf(stderr, "\r\x1b[K%s", text.substr(0, room).c_str());
    std::fflush(stderr);
    drawn_ = true;
  } else {
    if (now - last_drawn_ < kLineEvery) return;
    std::fprintf(stderr, "%s\n", EscapeForTerminal(FormatProgress(line)).c_str());
  }
  last_drawn_ = now;
}

void ProgressMeter::Clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace espy::cli
