// Summing table entries by 4-bit codes, 32 rows at a time: the inner loop of searching with codes
// ("fast scan": Andre, Kermarrec and Le Scouarnec 2015; the layout is theirs as FAISS has it).
//
// A row's code is M numbers of 4 bits, M even. Rows lie in blocks of 32; a block holds, for each m,
// 16 bytes: byte i has row i's number in its lower half and row i + 16's in its upper half. The
// query's table has for each m 16 entries of one byte, so a register-wide shuffle looks up 16, 32
// or 64 rows' entries at once.
#ifndef ESPY_INDEX_IVF_SCAN4_H_
#define ESPY_INDEX_IVF_SCAN4_H_

#include <cstdint>
#include <vector>

namespace espy::index {

inline constexpr std::int64_t kScanRows = 32;

// Parts a code may have: a sum of M entries of 255 or less stays below 2^16, when a table keeps to
// MaxTableEntry(M).
inline constexpr std::int64_t kMaxParts = 4096;
inline std::int64_t MaxTableEntry(std::int64_t parts) {
  return parts <= 257 ? 255 : 65'535 / parts;
}

inline std::int64_t BlockBytes(std::int64_t parts) { return parts * 16; }

// Puts number `value` (0 to 15) as part m of row `row` (0 to 31) of a block that was zero there.
inline void SetPart(std::uint8_t* block, std::int64_t m, std::int64_t row, unsigned value) {
  std::uint8_t& byte = block[m * 16 + row % 16];
  byte = static_cast<std::uint8_t>(byte | value << (row < 16 ? 0 : 4));
}
inline unsigned GetPart(const std::uint8_t* block, std::int64_t m, std::int64_t row) {
  return block[m * 16 + row % 16] >> (row < 16 ? 0 : 4) & 15;
}

// sums[32 b + r]: the sum over m of table[16 m + part m of row r of block b]. `parts` is a multiple
// of 4, and table entries are at most MaxTableEntry(parts). The same numbers by every kernel.
void Scan4(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
           const std::uint8_t* table, std::uint16_t* sums);

// Bit r is set when sums[r] >= bound, for the 32 rows of a block.
std::uint32_t AtLeast(const std::uint16_t* sums, std::uint16_t bound);

namespace internal {
// The variants, for the tests that compare them; call only what the CPU has.
void Scan4Plain(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
                const std::uint8_t* table, std::uint16_t* sums);
void Scan4Avx2(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
               const std::uint8_t* table, std::uint16_t* sums);
void Scan4Avx512(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
                 const std::uint8_t* table, std::uint16_t* sums);
}  // namespace internal

// A query's table in bytes. The sum of a row's float entries differs from base + step * sum of its
// bytes by at most `error`, which is exact arithmetic's; rounding in floats adds a few units in the
// last place.
struct ByteTable {
  std::vector<std::uint8_t> bytes;  // [parts][16]
  float base = 0;
  float step = 0;
  float error = 0;
};
// `table` is [parts][16], finite.
void MakeByteTable(const float* table, std::int64_t parts, ByteTable* out);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_SCAN4_H_
