// A float as f16 bits, rounded to nearest, ties to even, subnormals kept, and what is too large to the largest finite
// one; integer arithmetic, because packHalf2x16 may flush and may round as it likes. As backend/quantize/scale.hpp.
uint stored_half(float value) {
    uint bits = floatBitsToUint(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u) return sign | 0x7bffu;
    if (magnitude < 0x38800000u)  // a multiple of 2^-24: the addition rounds as wanted
        return sign | (floatBitsToUint(uintBitsToFloat(magnitude) + 0.5) - 0x3f000000u);
    return sign | ((magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13);
}

// The same, but what is too large becomes infinite: a value, not a scale.
uint rounded_half(float value) {
    uint bits = floatBitsToUint(value);
    return (bits & 0x7fffffffu) >= 0x477ff000u && (bits & 0x7fffffffu) <= 0x7f800000u ? ((bits >> 16) & 0x8000u) | 0x7c00u
                                                                                     : stored_half(value);
}

uint rounded_bfloat16(float value) {
    uint bits = floatBitsToUint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
