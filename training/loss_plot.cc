#include "training/loss_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace espy::training {
namespace {

constexpr int kWidth = 720, kHeight = 360;
constexpr int kLeft = 64, kRight = 16, kTop = 40, kBottom = 40;
// More points than pixels say nothing.
constexpr std::size_t kMaxPoints = 2000;

std::string Number(double value, const char* format = "%.2f") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
  }
  return out;
}

std::string Text(double x, double y, const char* anchor, const std::string& words) {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"" + anchor + "\">" +
         Escaped(words) + "</text>\n";
}

}  // namespace

std::string LossPlot(const std::string& title, std::int64_t first_step,
                     std::span<const float> losses) {
  float least = 0, most = 0;
  bool any = false;
  for (const float loss : losses) {
    if (!std::isfinite(loss)) continue;
    least = any ? std::min(least, loss) : loss;
    most = any ? std::max(most, loss) : loss;
    any = true;
  }
  if (most - least < 1e-6f) most = least + 1;
  const double span = static_cast<double>(std::max<std::size_t>(2, losses.size()) - 1);
  const auto x = [&](std::size_t i) {
    return kLeft + static_cast<double>(i) / span * (kWidth - kLeft - kRight);
  };
  const auto y = [&](double loss) {
    return kTop + (most - loss) / (most - least) * (kHeight - kTop - kBottom);
  };
  const auto line = [&](const std::vector<double>& values, const char* style) {
    std::string path;
    bool down = false;
    const std::size_t stride = std::max<std::size_t>(1, values.size() / kMaxPoints);
    for (std::size_t i = 0; i < values.size(); i += stride) {
      if (!std::isfinite(values[i])) {
        down = false;
        continue;
      }
      path += (down ? "L" : "M") + Number(x(i)) + " " + Number(y(values[i]));
      down = true;
    }
    return "<path d=\"" + path + "\" fill=\"none\" " + style + "/>\n";
  };
  std::vector<double> raw(losses.begin(), losses.end()), mean;
  // An exponential mean over about a thirtieth of the run.
  const double share =
      std::min(1.0, 30.0 / static_cast<double>(std::max<std::size_t>(1, losses.size())));
  double running = NAN;
  for (const double loss : raw) {
    if (std::isfinite(loss))
      running = std::isfinite(running) ? running + share * (loss - running) : loss;
    mean.push_back(running);
  }

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                    std::to_string(kWidth) + " " + std::to_string(kHeight) +
                    "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  svg += Text(kLeft, kTop - 16, "start", title);
  constexpr int kTicks = 4;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double loss = least + (most - least) * tick / kTicks;
    svg += "<path d=\"M" + std::to_string(kLeft) + " " + Number(y(loss)) + "H" +
           std::to_string(kWidth - kRight) + "\" stroke=\"#ddd\"/>\n";
    svg += Text(kLeft - 8, y(loss) + 4, "end", Number(loss, "%.3g"));
  }
  svg += Text(kLeft, kHeight - 16, "start", "step " + std::to_string(first_step));
  svg += Text(kWidth - kRight, kHeight - 16, "end",
              std::to_string(first_step + static_cast<std::int64_t>(losses.size()) - 1));
  if (any) svg += line(raw, "stroke=\"#bbb\" stroke-width=\"1\"");
  if (any) svg += line(mean, "stroke=\"#06c\" stroke-width=\"2\"");
  return svg + "</svg>\n";
}

}  // namespace espy::training
