// Pictures made on the spot, each seed another one.
#ifndef ESPY_TESTS_SUPPORT_PICTURES_H_
#define ESPY_TESTS_SUPPORT_PICTURES_H_

#include <cstdint>
#include <string>

namespace espy::testing {

// A 24-bit BMP of coloured blocks: the same bytes for the same arguments.
std::string MakeBmp(std::uint32_t seed, int width = 48, int height = 40);

}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_PICTURES_H_
