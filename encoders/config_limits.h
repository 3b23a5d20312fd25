// What a model's configuration may ask for, whoever's layout it is in. The towers rely on these: no
// size, offset or product of them can overflow.
#ifndef ESPY_ENCODERS_CONFIG_LIMITS_H_
#define ESPY_ENCODERS_CONFIG_LIMITS_H_

#include <cstdint>

#include "encoders/json.h"

namespace espy::encoders {

inline constexpr JsonLimits kConfigJson{16, 200'000};
inline constexpr std::int64_t kMaxWidth = 16384;
inline constexpr std::int64_t kMaxInter = 65536;
inline constexpr std::int64_t kMaxLayers = 256;
inline constexpr std::int64_t kMaxImage = 4096;     // pixels a side
inline constexpr std::int64_t kMaxPatches = 16384;  // of a picture
inline constexpr std::int64_t kMaxPixels = 1
                                           << 24;  // of a NaFlex picture, as of the largest square
inline constexpr std::int64_t kMaxVocabulary = 1 << 20;
inline constexpr std::int64_t kMaxContext = 8192;

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_CONFIG_LIMITS_H_
