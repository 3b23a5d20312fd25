// The functions of libvips that Espy calls, found at the first picture that needs them.
//
// Linked in the usual way, libvips brings a hundred shared libraries along, and every start of the
// program pays for them: an empty program takes 30 to 40 ms on a 2-core EPYC, against 1 ms without.
// A search for words never decodes a picture, so the library is opened by dlopen when the first one
// comes. Types and prototypes still come from <vips/vips.h>.
#ifndef ESPY_IMAGING_VIPS_API_H_
#define ESPY_IMAGING_VIPS_API_H_

#include <vips/vips.h>

#include "espy/status.h"

namespace espy::imaging {

// Name of each function; the member has its prototype.
#define ESPY_VIPS_FUNCTIONS(X)     \
  X(vips_init)                     \
  X(vips_thread_shutdown)          \
  X(vips_concurrency_set)          \
  X(vips_cache_set_max)            \
  X(vips_block_untrusted_set)      \
  X(vips_operation_block_set)      \
  X(vips_error_buffer_copy)        \
  X(vips_error_clear)              \
  X(vips_pngload_buffer)           \
  X(vips_webpload_buffer)          \
  X(vips_gifload_buffer)           \
  X(vips_tiffload_buffer)          \
  X(vips_heifload_buffer)          \
  X(vips_jxlload_buffer)           \
  X(vips_svgload_buffer)           \
  X(vips_image_get_width)          \
  X(vips_image_get_height)         \
  X(vips_image_get_bands)          \
  X(vips_image_get_format)         \
  X(vips_image_get_interpretation) \
  X(vips_image_get_typeof)         \
  X(vips_image_get_blob)           \
  X(vips_colourspace)              \
  X(vips_cast)                     \
  X(vips_region_new)               \
  X(vips_region_prepare)           \
  X(g_log_set_handler)             \
  X(g_object_unref)                \
  X(g_free)

struct VipsApi {
#define ESPY_VIPS_MEMBER(name) decltype(&::name) name = nullptr;
  ESPY_VIPS_FUNCTIONS(ESPY_VIPS_MEMBER)
#undef ESPY_VIPS_MEMBER
};

// Opens and initialises libvips at the first call (some tens of milliseconds); all later ones
// return the same. Set then, for the whole process: one worker thread, no operation cache, the
// loaders above and no others. Unsupported when the library is missing or too old. Any thread.
Result<const VipsApi*> GetVips();

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_VIPS_API_H_
