// make_tiny_captioner DIRECTORY [WORD]: writes the tiny model of tiny_captioner.h, for tests that
// run the program.
#include "tests/captioning/tiny_captioner.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  espy::testing::WriteTinyCaptioner(argv[1], true, argc > 2 ? argv[2] : "word");
  return 0;
}
