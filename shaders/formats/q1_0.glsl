// q1_0: blocks of 128, value = d or -d by a bit, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define LANE_CODES 4
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint q[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 36u)
TILE_OF_2_PLANES(32u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    uint q = LANE_LOAD(at.q, 0);
    // A set bit is 1: the sign of -1.0 is flipped by it.
    [[unroll]] for (uint l = 0; l < LANE_CODES; l++)
        c[l] = uintBitsToFloat(((q << (31u - j - 8u * l)) & 0x80000000u) ^ 0xbf800000u);
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + (g >> 2);
    d[0] = LANE_FLOAT16(at.d, 0);
}
#else
#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, groups * 4u, scales, round_up_16(groups >> 1))
void fields(Row r, uint g, out uint bits, out float d) {
    bits = Words(r.codes).v[g];
    d = half_at(Words(r.scales), g >> 2);
}
#else
void fields(Row r, uint g, out uint bits, out float d) {
    uvec2 block = advance(r.base, (g >> 2) * 18u);
    bits = block_u32(block, 2u + (g & 3u) * 4u);
    d = block_half(block, 0u);
}
#endif

void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint bits;
    float d;
    fields(r, g, bits, d);
    low = mix(vec4(-d), vec4(d), notEqual(uvec4(1u, 2u, 4u, 8u) & (bits >> (s * 4u)), uvec4(0)));
    high = mix(vec4(-d), vec4(d), notEqual(uvec4(1u, 2u, 4u, 8u) & (bits >> (16u + s * 4u)), uvec4(0)));
}
#endif
