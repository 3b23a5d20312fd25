// The raw files of cameras, as far as they are known by their bytes: whether a file is one, and
// where its EXIF lies.
//
// Most are TIFF structures with the sensor's samples in one of their directories (DNG, NEF, CR2,
// ARW, PEF, SRW, 3FR, ERF, IIQ), some are TIFF under a signature of their maker's (ORF, RW2), and a
// few are containers of another kind (CR3, CRW, RAF, MRW, X3F).
#ifndef ESPY_IMAGING_RAW_CONTAINER_H_
#define ESPY_IMAGING_RAW_CONTAINER_H_

#include <string_view>

#include "imaging/exif_block.h"

namespace espy::imaging {

// A TIFF file is raw when it says so (DNG's version, Canon's and Phase One's marks) or when a
// directory of it holds samples of a sensor: a colour filter array, linear raw samples, or a coding
// that only cameras use.
bool IsRaw(std::string_view bytes);

// Of a file for which IsRaw holds. CRW and X3F files keep theirs in structures of their own, and
// give nothing.
ExifBlocks FindRawExif(std::string_view file);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_RAW_CONTAINER_H_
