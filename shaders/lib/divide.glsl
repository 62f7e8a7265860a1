bool finite(float value) { return (floatBitsToUint(value) & 0x7f800000u) != 0x7f800000u; }

// a / b, rounded to nearest, ties to even, on every device: Vulkan lets division be 2.5 units in the last place off, and a scale
// that differs in its last bit changes codes. Long division of the significands. Subnormal operands count as zero, results below
// the smallest normal number are zero, and division by zero gives infinity, also for 0 / 0. Operands that are not finite are the device's to divide.
float divide(float a, float b) {
    uint x = floatBitsToUint(a), y = floatBitsToUint(b), sign = (x ^ y) & 0x80000000u;
    int exponent = int((x >> 23) & 255u) - int((y >> 23) & 255u) + 127;
    if (!finite(a) || !finite(b)) return a / b;
    if ((y & 0x7f800000u) == 0u) return uintBitsToFloat(sign | 0x7f800000u);
    if ((x & 0x7f800000u) == 0u) return uintBitsToFloat(sign);
    uint rest = (x & 0x7fffffu) | 0x800000u, divisor = (y & 0x7fffffu) | 0x800000u, quotient = 0u;
    if (rest < divisor) {
        rest <<= 1;
        exponent--;
    }
    for (uint i = 0u; i < 25u; i++) {  // 24 bits of the result and one to round by
        bool one = rest >= divisor;
        rest = (one ? rest - divisor : rest) << 1;
        quotient = (quotient << 1) | (one ? 1u : 0u);
    }
    uint significand = quotient >> 1, up = quotient & (rest != 0u ? 1u : significand & 1u);
    if (exponent <= 0) return uintBitsToFloat(sign);
    if (exponent >= 255) return uintBitsToFloat(sign | 0x7f800000u);
    return uintBitsToFloat(sign | ((uint(exponent) << 23) + (significand + up - 0x800000u)));
}
