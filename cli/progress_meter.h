// How far a long run is: done and total, rate, time left. One line on stderr, redrawn in place on a
// terminal; elsewhere (a log, a pipe) a line of its own every few seconds.
#ifndef ESPY_CLI_PROGRESS_METER_H_
#define ESPY_CLI_PROGRESS_METER_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "espy/ingest.h"
#include "espy/progress.h"

namespace espy::cli {

// What one line says.
struct ProgressLine {
  std::string what;  // "pictures"
  std::uint64_t done = 0;
  std::uint64_t total = 0;   // 0 while unknown
  bool total_grows = false;  // the total is what has been found so far
  std::uint64_t failed = 0;
  double per_second = 0;
  double seconds_left = -1;  // negative while unknown
};

// "312 / 1,032 pictures  30%  45.2/s  16 s left  2 failed"; of "bytes"
// "120.0 MB / 605.2 MB  19%  11.2 MB/s  44 s left"
std::string FormatProgress(const ProgressLine& line);

class ProgressMeter {
 public:
  // Shows nothing unless `enabled`.
  explicit ProgressMeter(bool enabled);
  ~ProgressMeter();  // takes a redrawn line away, so that what comes next starts at the margin
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  void Show(const IngestProgress& progress);
  void Show(const Progress& progress);  // rate and time left from when this `what` began
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(const ProgressLine& line);

  bool enabled_;
  bool is_terminal_;
  bool drawn_ = false;
  Clock::time_point last_drawn_;
  Clock::time_point phase_start_;
  std::uint64_t phase_first_ = 0;
  std::string phase_;
};

}  // namespace espy::cli

#endif  // ESPY_CLI_PROGRESS_METER_H_
