// What every kernel of Tuff shares: extensions of the Vulkan 1.3 floor, 64-bit address arithmetic, and the convention
// that arguments arrive as one push-constant struct of device addresses and sizes (no descriptor sets).
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_control_flow_attributes : require

// A device address is a uvec2 (low, high): 64-bit integers are an optional feature, and one carry per workgroup is free.
uvec2 advance(uvec2 address, uint bytes) {
    uint low = address.x + bytes;
    return uvec2(low, address.y + (low < bytes ? 1u : 0u));
}

// address + count * stride, exact for any 32-bit operands.
uvec2 advance(uvec2 address, uint count, uint stride) {
    uint high, low;
    umulExtended(count, stride, high, low);
    uvec2 at = advance(address, low);
    at.y += high;
    return at;
}

// address + count * stride for strides beyond 4 GiB.
uvec2 advance(uvec2 address, uint count, uvec2 stride) {
    uvec2 at = advance(address, count, stride.x);
    at.y += count * stride.y;
    return at;
}

// A binary16 widened by hand, because unpackHalf2x16 may flush subnormal halves to zero. The sign is set as a bit: a driver may
// take -0.0 for 0.0 where it negates.
float widen_half(uint h) {
    uint exponent = (h >> 10) & 31u, mantissa = h & 1023u;
    float magnitude = exponent == 0u ? float(mantissa) * 5.9604644775390625e-8
                                     : uintBitsToFloat(exponent == 31u ? 0x7f800000u | (mantissa << 13)
                                                                       : ((exponent + 112u) << 23) | (mantissa << 13));
    return uintBitsToFloat(floatBitsToUint(magnitude) | (h & 0x8000u) << 16);
}
