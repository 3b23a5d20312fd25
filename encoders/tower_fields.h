// The fields of config.json that every transformer tower has.
#ifndef ESPY_ENCODERS_TOWER_FIELDS_H_
#define ESPY_ENCODERS_TOWER_FIELDS_H_

#include <cstdint>
#include <string_view>

#include "encoders/config.h"
#include "encoders/json_fields.h"

namespace espy::encoders {

// What a tower's absent keys mean, as transformers' configuration classes have it.
struct TowerDefaults {
  std::int64_t width, inter, layers, heads;
  std::string_view activation;
  double norm_eps;
};

// Sizes within config_limits.h, heads that divide the width, a known activation: what is not so is
// refused by `fields`.
void ReadTower(JsonFields* fields, const TowerDefaults& defaults, TowerConfig* tower);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOWER_FIELDS_H_
