// Resizing on the GPU, or on the emulation of one: the CPU's bytes, to the last level.
#include <gtest/gtest.h>

#include <vector>

#include "imaging/resize_passes.h"
#include "kernels/cuda/resize.h"
#include "tests/kernels/on_device.h"

namespace espy::cuda {
namespace {

using imaging::Filter;

std::vector<ResizeSpan> Spans(const imaging::Taps& taps) {
  std::vector<ResizeSpan> spans;
  for (const imaging::Taps::Span& span : taps.spans) spans.push_back({span.first, span.count});
  return spans;
}

using CudaResizeTest = CudaTest;

TEST_F(CudaResizeTest, BothPassesGiveTheCpusBytes) {
  std::mt19937 random(1);
  struct Case {
    std::int32_t in, out, begin, count, across;  // along the axis; the other has `across`
    Filter filter;
  };
  for (const Case& c :
       {Case{300, 224, 0, 224, 5, Filter::kBicubic}, Case{97, 31, 4, 20, 7, Filter::kBilinear},
        Case{20, 333, 0, 333, 3, Filter::kBicubic}, Case{1, 9, 0, 9, 2, Filter::kBilinear},
        Case{1500, 7, 0, 7, 3, Filter::kBicubic}}) {
    // Black and white next to each other: bicubic overshoots beyond both ends of a byte.
    std::vector<std::uint8_t> in(static_cast<std::size_t>(c.in * c.across * 3));
    for (std::uint8_t& byte : in) {
      byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : random() % 2 * 255);
    }
    const imaging::Taps taps = imaging::MakeTaps(c.in, c.out, c.begin, c.count, c.filter);
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(c.count * c.across * 3));
    const DeviceBuffer din = OnDevice(in), spans = OnDevice(Spans(taps));
    const DeviceBuffer coefficients = OnDevice(taps.coefficients);
    const DeviceBuffer out = OnDevice(std::vector<std::uint8_t>(expected.size(), 77));
    ResizeArgs args{.in = static_cast<const std::uint8_t*>(din.data()),
                    .spans = static_cast<const ResizeSpan*>(spans.data()),
                    .coefficients = static_cast<const std::int32_t*>(coefficients.data()),
                    .stride = taps.stride,
                    .outputs = c.count,
                    .out = static_cast<std::uint8_t*>(out.data())};
    std::vector<std::uint8_t> got(expected.size());

    imaging::HorizontalPlain(in.data(), c.across, c.in, taps, expected.data());
    args.out_stride = std::int64_t{c.count} * 3;
    ASSERT_TRUE(ResizeHorizontally(args, c.across, c.in, nullptr).ok());
    ASSERT_TRUE(out.Download(got.data()).ok());
    EXPECT_EQ(got, expected) << "horizontal, " << c.in << " to " << c.out;

    imaging::VerticalPlain(in.data(), std::int64_t{c.across} * 3, taps, expected.data());
    args.out_stride = std::int64_t{c.across} * 3;
    ASSERT_TRUE(ResizeVertically(args, c.across * 3, nullptr).ok());
    ASSERT_TRUE(out.Download(got.data()).ok());
    EXPECT_EQ(got, expected) << "vertical, " << c.in << " to " << c.out;
  }
}

TEST_F(CudaResizeTest, RefusesMoreRowsThanALaunchTakes) {
  EXPECT_EQ(ResizeHorizontally({.outputs = 1}, 70000, 1, nullptr).code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::cuda
