// From float32 to the other plain types, to the bit: what a driver's own conversions do with ties, subnormal numbers and NaN is
// theirs to choose. Ids of types are GGUF's.
#define TYPE_F32 0
#define TYPE_F16 1
#define TYPE_BF16 30

// Nearest, ties to even; overflow gives infinity; NaN a quiet NaN.
uint to_half(float value) {
    uint bits = floatBitsToUint(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // from 65520 up
    if (magnitude >= 0x38800000u) return sign | ((magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13);
    if (magnitude <= 0x33000000u) return sign;  // up to half of the smallest subnormal half
    uint mantissa = (magnitude & 0x7fffffu) | 0x800000u, shift = 126u - (magnitude >> 23);
    uint whole = mantissa >> shift, rest = mantissa & ((1u << shift) - 1u), tie = 1u << (shift - 1u);
    return sign | (whole + (rest > tie || (rest == tie && (whole & 1u) == 1u) ? 1u : 0u));
}
// The same, but what is too large becomes the largest finite half: a scale stays a number. As backend/quantize/scale.hpp.
uint stored_half(float value) {
    uint bits = to_half(value);
    return (bits & 0x7fffu) == 0x7c00u ? bits - 1u : bits;
}
uint to_bfloat16(float value) {
    uint bits = floatBitsToUint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
