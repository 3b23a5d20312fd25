// CRC-32C (Castagnoli), the checksum of what Espy writes beside RocksDB's own. By the SSE 4.2
// instruction where the CPU has it; the same value everywhere.
#ifndef ESPY_BASE_CRC32C_H_
#define ESPY_BASE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace espy {

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace espy

#endif  // ESPY_BASE_CRC32C_H_
