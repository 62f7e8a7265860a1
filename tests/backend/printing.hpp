// How GoogleTest prints this project's parameters, in messages and in the names ctest shows.
#pragma once

#include <ostream>

#include "backend/format.hpp"
#include "backend/layout.hpp"
#include "backend/matmul_plan.hpp"

namespace tuff {

inline void PrintTo(const Format* format, std::ostream* out) {
    *out << format->name;
}
inline void PrintTo(Layout layout, std::ostream* out) {
    *out << layout_name(layout);
}
inline void PrintTo(MatmulAlgorithm algorithm, std::ostream* out) {
    *out << algorithm_name(algorithm);
}

}  // namespace tuff
