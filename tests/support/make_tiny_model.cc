// make_tiny_model DIRECTORY [SEED]: writes the tiny model of tiny_model.h, for tests that run the
// program.
#include <cstdlib>

#include "tests/support/tiny_model.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  espy::testing::WriteTinyModel(argv[1],
                                argc > 2 ? static_cast<std::uint32_t>(std::atoi(argv[2])) : 1);
  return 0;
}
