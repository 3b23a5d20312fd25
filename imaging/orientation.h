// Turns a picture as the EXIF orientation tag says.
#ifndef ESPY_IMAGING_ORIENTATION_H_
#define ESPY_IMAGING_ORIENTATION_H_

#include "imaging/image.h"

namespace espy::imaging {

// Whether the orientation (1 to 8) exchanges width and height.
inline bool SwapsSides(int orientation) { return orientation >= 5; }

// Upright pixels of a picture stored in that orientation. 1 returns it as it is.
Image TurnUpright(Image image, int orientation);

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_ORIENTATION_H_
