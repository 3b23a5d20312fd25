// Colours as a file stores them -> 8-bit sRGB, through Little CMS where there is an ICC profile.
//
// `profile`: the bytes of an embedded ICC profile, or "". One that cannot be read, or is for
// another kind of pixels, is as good as none: viewers do the same. Perceptual intent, no
// black-point compensation. Any thread.
#ifndef ESPY_IMAGING_COLOR_H_
#define ESPY_IMAGING_COLOR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace espy::imaging {

// rgb: [pixels, 3], changed in place. Nothing is done under a profile that is sRGB to within one
// level.
void RgbToSrgb(std::uint8_t* rgb, std::size_t pixels, std::string_view profile);

// gray: [pixels]. Returns [pixels, 3].
std::vector<std::uint8_t> GrayToSrgb(const std::uint8_t* gray, std::size_t pixels,
                                     std::string_view profile);

// cmyk: [pixels, 4], 255 is full ink. Without a profile: red = (255 - k) - c (255 - k) / 255, the
// quotient rounded, and so on, as Pillow does. Returns [pixels, 3].
std::vector<std::uint8_t> CmykToSrgb(const std::uint8_t* cmyk, std::size_t pixels,
                                     std::string_view profile);

// rgb: [pixels, 3] under alpha: [pixels], laid over white in place. Colours are managed before.
void FlattenOverWhite(std::uint8_t* rgb, const std::uint8_t* alpha, std::size_t pixels);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_COLOR_H_
