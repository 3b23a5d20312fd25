// Rows of the click log, and policies as bytes. The first byte says which; what a policy's checksum
// guards is reached by mending the checksum.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "ranking/policy_file.h"
#include "ranking/shortlist_features.h"
#include "storage/clicks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: {
      const auto page = espy::storage::ParsePage(7, bytes);
      if (page.ok() && *espy::storage::ParsePage(7, espy::storage::EncodePage(*page)) != *page) {
        __builtin_trap();
      }
      break;
    }
    case 1: {
      const auto row = espy::storage::ParseFeedback(7, 8, bytes);
      if (row.ok() &&
          *espy::storage::ParseFeedback(7, 8, espy::storage::EncodeFeedback(*row)) != *row) {
        __builtin_trap();
      }
      break;
    }
    case 2: {
      std::string_view rest = bytes;
      (void)espy::ranking::ClickHistory::Parse(&rest);
      break;
    }
    default: {
      if (bytes.size() >= 4) {
        bytes.resize(bytes.size() - 4);
        espy::PutFixed(&bytes, espy::Crc32c(bytes));
      }
      const auto policy = espy::ranking::ParsePolicy(bytes, espy::ranking::ShortlistSchema());
      if (policy.ok() && espy::ranking::EncodePolicy(*policy).empty()) __builtin_trap();
      break;
    }
  }
  return 0;
}
