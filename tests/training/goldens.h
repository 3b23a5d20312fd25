// What PyTorch gave (make_goldens.py).
#ifndef ESPY_TESTS_TRAINING_GOLDENS_H_
#define ESPY_TESTS_TRAINING_GOLDENS_H_

#include <fstream>
#include <nlohmann/json.hpp>

namespace espy::training {

inline const nlohmann::json& Goldens() {
  static const nlohmann::json goldens = [] {
    std::ifstream file(ESPY_SOURCE_DIR "/tests/training/goldens.json");
    return nlohmann::json::parse(file);
  }();
  return goldens;
}

}  // namespace espy::training

#endif  // ESPY_TESTS_TRAINING_GOLDENS_H_
