// The two passes of a resize, each in a plain, an AVX2 and an AVX-512 form that give the same
// bytes.
//
// A coefficient k has 22 fractional bits and lies in [-2^22, 2^22]. The vector forms split it as k
// = hi * 2^11 + lo with 0 <= lo < 2^11, so that both halves fit 16 bits and pmaddwd multiplies and
// adds two taps at once; the sum of hi parts is shifted back at the end. That is the same 32-bit
// integer as the plain sum, hence the same rounding.
#ifndef ESPY_IMAGING_RESIZE_PASSES_H_
#define ESPY_IMAGING_RESIZE_PASSES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "imaging/resize.h"

namespace espy::imaging {

inline constexpr int kPrecisionBits = 32 - 8 - 2;
inline constexpr int kLowBits = 11;
inline constexpr int kTapGroup = 4;  // taps are padded with zeros to a multiple of this

// What each output position takes of one axis of the input.
struct Taps {
  struct Span {
    std::int32_t first;  // input position of the first tap
    std::int32_t count;  // taps that are not padding
  };
  std::int32_t stride = 0;  // coefficients for each output position, a multiple of kTapGroup
  std::vector<Span> spans;  // [out]
  std::vector<std::int32_t> coefficients;  // [out, stride], zero beyond count
};

// Taps of the output positions [begin, begin + count) of a resize of in_size positions to out_size.
Taps MakeTaps(std::int32_t in_size, std::int32_t out_size, std::int32_t begin, std::int32_t count,
              Filter filter);

// in: [rows, in_width, 3] bytes. out: [rows, taps.spans.size(), 3].
using HorizontalPass = void (*)(const std::uint8_t* in, std::int32_t rows, std::int32_t in_width,
                                const Taps& taps, std::uint8_t* out);
// in: [*, row_bytes]. out: [taps.spans.size(), row_bytes].
using VerticalPass = void (*)(const std::uint8_t* in, std::int64_t row_bytes, const Taps& taps,
                              std::uint8_t* out);

void HorizontalPlain(const std::uint8_t* in, std::int32_t rows, std::int32_t in_width,
                     const Taps& taps, std::uint8_t* out);
void VerticalPlain(const std::uint8_t* in, std::int64_t row_bytes, const Taps& taps,
                   std::uint8_t* out);
void HorizontalAvx2(const std::uint8_t* in, std::int32_t rows, std::int32_t in_width,
                    const Taps& taps, std::uint8_t* out);
void VerticalAvx2(const std::uint8_t* in, std::int64_t row_bytes, const Taps& taps,
                  std::uint8_t* out);
void VerticalAvx512(const std::uint8_t* in, std::int64_t row_bytes, const Taps& taps,
                    std::uint8_t* out);

struct ResizePasses {
  HorizontalPass horizontal;
  VerticalPass vertical;
};
ResizePasses ChoosePasses();  // by what the CPU has

// The order of the passes: each rounds to 8 bits, so it shows in the result by a level here and
// there. Pillow 13 runs the vertical one first where it takes more than twice as many rows away as
// the other takes columns; earlier versions never.
bool VerticalFirst(std::int32_t width, std::int32_t height, std::int32_t out_width,
                   std::int32_t out_height);

// One pass of a resize, over the picture or over what the pass before left.
struct PlannedPass {
  bool horizontal = true;
  std::int32_t first_row = 0;          // of what a horizontal pass reads
  std::int32_t in_width = 0;           // pixels, of what it reads
  std::int32_t width = 0, height = 0;  // pixels, of what it leaves
  Taps taps;
};

// The passes, one or two, that make the part `window` of a resize of in_width x in_height pixels to
// out_width x out_height.
std::vector<PlannedPass> PlanResize(std::int32_t in_width, std::int32_t in_height,
                                    std::int32_t out_width, std::int32_t out_height,
                                    const Window& window, Filter filter);

// Resize with the passes given, so that a test can hold the forms against each other. window: the
// part of the out_width x out_height result that is computed.
Image ResizeBy(const ResizePasses& passes, const Image& in, std::int32_t out_width,
               std::int32_t out_height, const Window& window, Filter filter);

// The sum with its rounding half already in, to a byte.
inline std::uint8_t ClampToByte(std::int32_t sum) {
  const std::int32_t value = sum >> kPrecisionBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RESIZE_PASSES_H_
