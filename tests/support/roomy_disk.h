// The real world with room on its disks, however full those are that the tests run on.
#ifndef ESPY_TESTS_SUPPORT_ROOMY_DISK_H_
#define ESPY_TESTS_SUPPORT_ROOMY_DISK_H_

#include "base/env.h"

namespace espy::testing {

class RoomyDisk : public Env {
 public:
  Result<std::uint64_t> FreeBytes(const std::string&) override { return std::uint64_t{1} << 40; }
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_ROOMY_DISK_H_
