// A file of a model directory that publishers may leave out.
#ifndef ESPY_ENCODERS_OPTIONAL_FILE_H_
#define ESPY_ENCODERS_OPTIONAL_FILE_H_

#include <cstdint>
#include <string>

#include "espy/status.h"

namespace espy::encoders {

// "" when the file is absent; one that is there but empty is broken, not absent: Corruption.
Result<std::string> ReadIfThere(const std::string& path, std::uint64_t max_bytes);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPTIONAL_FILE_H_
