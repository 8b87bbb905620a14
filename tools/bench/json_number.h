#ifndef VOIDBOX_TOOLS_BENCH_JSON_NUMBER_H_
#define VOIDBOX_TOOLS_BENCH_JSON_NUMBER_H_

#include <cmath>
#include <nlohmann/json.hpp>

namespace voidbox::bench {

// A measurement to a thousandth, and without a fraction where it has none.
inline nlohmann::ordered_json JsonNumber(double value) {
  const double rounded = std::round(value * 1000) / 1000;
  if (rounded == std::floor(rounded)) return static_cast<int64_t>(rounded);
  return rounded;
}

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_JSON_NUMBER_H_
