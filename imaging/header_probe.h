// What a file's header promises, read without its decoder: hostile numbers never reach the library
// that would obey them.
#ifndef ESPY_IMAGING_HEADER_PROBE_H_
#define ESPY_IMAGING_HEADER_PROBE_H_

#include <string_view>

#include "espy/status.h"
#include "imaging/decode.h"
#include "imaging/image.h"

namespace espy::imaging {

// Checks the size in a PNG, GIF, WebP, TIFF or SVG header against the limits, and a TIFF's tiles
// and samples too. Formats that it does not read pass: their decoders' own headers are checked.
// What is missing or cut short is Corruption.
Status ProbeHeader(std::string_view bytes, Format format, const ImageLimits& limits);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_HEADER_PROBE_H_
