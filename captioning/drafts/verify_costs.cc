#include "captioning/drafts/verify_costs.h"

#include <algorithm>

#include "base/check.h"
#include "base/status_macros.h"

namespace espy::captioning {

namespace {
constexpr double kLeast = 1e-9;  // seconds: below what a clock tells apart
constexpr double kStep = 1.0 / 16;
}  // namespace

VerifyCosts::VerifyCosts(std::vector<Point> points) : points_(std::move(points)) {
  ESPY_CHECK(!points_.empty() && points_[0].rows == 1, "costs begin with a pass of one row");
  for (std::size_t i = 0; i < points_.size(); ++i) {
    points_[i].seconds = std::max(points_[i].seconds, kLeast);
    ESPY_CHECK(i == 0 || points_[i].rows > points_[i - 1].rows,
               "costs are in the order of their rows");
  }
  for (const Point& point : points_) guesses_.push_back(point.seconds);
}

Result<VerifyCosts> VerifyCosts::Measure(const std::function<Result<double>(int)>& pass,
                                         int max_rows, double enough) {
  std::vector<Point> points;
  ESPY_RETURN_IF_ERROR(pass(1).status());
  for (int rows = 1; rows <= max_rows; rows *= 2) {
    double least = 0;
    for (int turn = 0; turn < 3; ++turn) {
      ESPY_ASSIGN_OR_RETURN(const double seconds, pass(rows));
      if (turn == 0 || seconds < least) least = seconds;
    }
    points.push_back({static_cast<double>(rows), least, 3});
    if (least > enough * std::max(points[0].seconds, kLeast)) break;
  }
  return VerifyCosts(std::move(points));
}

double VerifyCosts::Seconds(double rows) const {
  if (rows <= 1 || points_.size() == 1) {
    // Alone it says nothing about more rows: as many passes are the least favourable guess.
    return points_[0].seconds * std::max(rows, 1.0);
  }
  std::size_t i = 1;
  while (i + 1 < points_.size() && points_[i].rows < rows) ++i;
  const Point& a = points_[i - 1];
  const Point& b = points_[i];
  if (rows == b.rows) return b.seconds;
  const double a_row = (b.seconds - a.seconds) / (b.rows - a.rows);
  if (rows > b.rows) return b.seconds + std::max(a_row, 0.0) * (rows - b.rows);
  return a.seconds + a_row * (rows - a.rows);
}

void VerifyCosts::Observe(int rows, double seconds) {
  const double ratio = std::max(seconds, kLeast) / Seconds(rows);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    Point& point = points_[i];
    const bool last = i + 1 == points_.size();
    double share = 0;
    if (rows == point.rows || (last && rows > point.rows)) {
      share = 1;
    } else if (rows < point.rows && i > 0 && rows > points_[i - 1].rows) {
      share = (rows - points_[i - 1].rows) / (point.rows - points_[i - 1].rows);
    } else if (rows > point.rows && !last && rows < points_[i + 1].rows) {
      share = (points_[i + 1].rows - rows) / (points_[i + 1].rows - point.rows);
    }
    if (share == 0) continue;
    const double factor = point.seen < 1 ? ratio : std::clamp(ratio, 0.5, 2.0);
    point.seen += share;
    const double step = std::min(1.0, std::max(share * kStep, share / point.seen));
    point.seconds = std::max(point.seconds * (1 + step * (factor - 1)), kLeast);
  }
  FollowGuesses();
}

// A point that no pass was near lies on the line between those that were, or stands in proportion
// to the last of them.
void VerifyCosts::FollowGuesses() {
  for (std::size_t i = 1; i < points_.size(); ++i) {
    if (points_[i].seen > 0) continue;
    const Point& below = points_[i - 1];
    std::size_t next = i;
    while (next < points_.size() && points_[next].seen == 0) ++next;
    points_[i].seconds = next == points_.size()
                             ? below.seconds * guesses_[i] / guesses_[i - 1]
                             : below.seconds + (points_[next].seconds - below.seconds) *
                                                   (points_[i].rows - below.rows) /
                                                   (points_[next].rows - below.rows);
  }
}

}  // namespace espy::captioning
