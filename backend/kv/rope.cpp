#include "backend/kv/rope.hpp"

#include <cmath>
#include <numbers>

namespace tuff {
namespace {

struct CosSin {
    float cos, sin;
};

// Of an angle in units of 2^-32 turns: the nearest quarter turn is taken off exactly, the rest is at most an
// eighth, where short Taylor sums are good to the last bit or two.
CosSin cos_sin(std::uint32_t turn) {
    const std::uint32_t quarter = (turn + 0x20000000U) >> 30;
    const float x = static_cast<float>(static_cast<std::int32_t>(turn - (quarter << 30))) *
                    1.46291807926715968e-9F;  // 2 pi / 2^32
    const float z = x * x;
    const float s =
        x + x * z * (-1.66666667e-1F + z * (8.33333333e-3F + z * (-1.98412698e-4F + z * 2.75573192e-6F)));
    const float c =
        1 + z * (-0.5F +
                 z * (4.16666667e-2F + z * (-1.38888889e-3F + z * (2.48015873e-5F + z * -2.75573192e-7F))));
    switch (quarter) {
        case 0:
            return {c, s};
        case 1:
            return {-s, c};
        case 2:
            return {-c, -s};
        default:
            return {s, -c};
    }
}

}  // namespace

Result<Rope> Rope::make(const RopeOptions& options) {
    if (options.dims == 0 || options.dims % 2 != 0)
        return fail(ErrorCode::usage, "{} values cannot turn in pairs", options.dims);
    for (const double positive : {options.base, options.scale})
        if (!(positive > 0) || !std::isfinite(positive))
            return fail(ErrorCode::usage, "a rotary base or scale of {} is not positive and finite",
                        positive);
    const std::uint32_t pairs = options.dims / 2;
    if (!options.factors.empty() && options.factors.size() != pairs)
        return fail(ErrorCode::usage, "{} rotary factors for {} pairs", options.factors.size(), pairs);
    Rope rope{options.style, options.dims, options.magnitude, {}};
    for (std::uint32_t j = 0; j < pairs; j++) {
        const double factor = options.factors.empty() ? 1 : options.factors[j];
        const double radians = options.scale * std::pow(options.base, -2.0 * j / options.dims) / factor;
        if (!std::isfinite(radians))
            return fail(ErrorCode::usage, "rotary factor {} of pair {} is no divisor", factor, j);
        const double turns = radians / (2 * std::numbers::pi);
        rope.turns.push_back(static_cast<std::uint64_t>(std::ldexp(turns - std::floor(turns), 64)));
    }
    return rope;
}

void Rope::apply(std::int32_t position, std::span<float> head) const {
    for (std::uint32_t j = 0; j < dims / 2; j++) {
        const std::uint64_t turn = static_cast<std::uint64_t>(std::int64_t{position}) * turns[j];
        const CosSin unit = cos_sin(static_cast<std::uint32_t>(turn >> 32));
        const float c = unit.cos * magnitude, s = unit.sin * magnitude;
        float& a = head[style == RopeStyle::neighbours ? 2 * j : j];
        float& b = head[style == RopeStyle::neighbours ? 2 * j + 1 : j + dims / 2];
        const float x = a, y = b;
        a = x * c - y * s;
        b = x * s + y * c;
    }
}

}  // namespace tuff
