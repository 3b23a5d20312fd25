// The pictures in tests/imaging/data and what is expected of them.
#ifndef ESPY_TESTS_IMAGING_SAMPLES_H_
#define ESPY_TESTS_IMAGING_SAMPLES_H_

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::imaging {

inline std::string DataPath(const std::string& name) {
  return std::string(ESPY_SOURCE_DIR) + "/tests/imaging/data/" + name;
}

inline std::string ReadData(const std::string& name) {
  return testing::ReadFileOrDie(DataPath(name));
}

struct Sample {
  std::string name;
  int width = 0;
  int height = 0;
  int tolerance = 0;  // levels by which a channel may differ
};

inline std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  std::ifstream file(DataPath("samples.txt"));
  for (Sample s; file >> s.name >> s.width >> s.height >> s.tolerance;) samples.push_back(s);
  return samples;
}

}  // namespace espy::imaging

#endif  // ESPY_TESTS_IMAGING_SAMPLES_H_
