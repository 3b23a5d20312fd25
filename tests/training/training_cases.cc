// Reads cases (cases.h), one JSON object a line, and prints for each its loss and its gradients.
#include <iostream>
#include <string>

#include "tests/training/cases.h"

int main() {
  espy::ThreadPool pool(espy::CoreCount());
  for (std::string line; std::getline(std::cin, line);) {
    const auto result = espy::training::RunCase(nlohmann::json::parse(line),
                                                espy::training::Compute::kFloat32, &pool);
    std::cout << nlohmann::json{{"loss", result.loss}, {"gradients", result.gradients}} << '\n';
  }
  return 0;
}
