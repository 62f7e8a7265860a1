// q3_k: super-blocks of 256 in 16 groups of 16, value = d * scale * (code - 4); 3-bit codes, 6-bit signed scales, f16 d.
#define GROUP_SCALES 2
#define GROUP_OFFSET 1
#include "lib/bits.glsl"

#ifdef LAYOUT_LANES
// Step j has three bytes (backend/formats/codes.hpp); no code is shifted but the lowest bits of codes 3 and 7. Two steps have
// the first scale, two the second: three sums at a time stay in registers, six would not.
#define LANE_CODES 8
#define LANE_SUMS 6
uint lane_element(uint j, uint l) { return j / 2 * 16 + 2 * l + j % 2; }
uint code_unit_index(uint l) { return l % 4 == 3 ? 2 : l == 1 || l == 5 || l == 6 ? 1 : 0; }
uint code_sum(uint j, uint l) { return j / 2 * 3 + code_unit_index(l); }
float sum_unit(uint a) { return a % 3 == 0 ? 1.0 : a % 3 == 1 ? 1.0 / 8 : 1.0 / 32; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[12 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { int8_t s[2 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 114u)
TILE_OF_3_PLANES(96u, 16u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    uint a = LANE_UINT8(at.q, j), b = LANE_UINT8(at.q, j + 4), e = LANE_UINT8(at.q, j + 8);
    c[0] = float(int(a & 7u));
    c[1] = float(int(a & 56u));
    c[2] = float(int(e & 7u));
    c[3] = float(int((a & 192u) | ((e >> 1) & 32u)));
    c[4] = float(int(b & 7u));
    c[5] = float(int(b & 56u));
    c[6] = float(int(e & 56u));
    c[7] = float(int((b & 192u) | ((e >> 2) & 32u)));
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float s = LANE_FLOAT16(super.d, 0);
    [[unroll]] for (uint h = 0; h < 2; h++) {
        d[h] = s * LANE_INT8(at.s, h);
        m[h] = -4.0 * d[h];
    }
}
#endif

#ifdef LAYOUT_PLANES
// scales: 12 bytes of packed scales per super-block, as in the file
ROW_OF_4_PLANES(pairs, groups * 8u, thirds, groups * 4u, scales, round_up_16((groups >> 3) * 12u), supers, round_up_16(groups >> 2))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.pairs).v[g * 2u + (s & 1u)] >> (s & 2u), thirds = Words(r.thirds).v[g];
    // Scales 2g and 2g + 1 of 16: low nibbles in 8 bytes, twice; then pairs of high bits in 4 bytes, four times.
    uint j = (g & 7u) * 2u, at = (g >> 3) * 3u;
    uint lows = Words(r.scales).v[at + ((j >> 2) & 1u)] >> ((j & 2u) * 8u + (j >> 3) * 4u);
    uint highs = Words(r.scales).v[at + 2u] >> ((j & 2u) * 8u + (j >> 2) * 2u);
    uint scales = (lows & 0x0f0fu) | ((highs & 0x0303u) << 4);
    float d = half_at(Words(r.supers), g >> 3);
    low = (unsigned_bytes((q & 0x03030303u) | low_bits(thirds, s) << 2) - 4.0) * (d * (float(scales & 255u) - 32.0));
    high = (unsigned_bytes(((q >> 4) & 0x03030303u) | high_bits(thirds, s) << 2) - 4.0) * (d * (float(scales >> 8) - 32.0));
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 110u);
    uint j = g & 7u, at = 32u + (j >> 2) * 32u + s * 4u, shift = (j & 3u) * 2u;
    uint a = ((block_u32(block, at) >> shift) & 0x03030303u) | ((block_u32(block, s * 4u) >> j) & 0x01010101u) << 2;
    uint b = ((block_u32(block, at + 16u) >> shift) & 0x03030303u) | ((block_u32(block, 16u + s * 4u) >> j) & 0x01010101u) << 2;
    uint lows = block_u16(block, 96u + (j & 3u) * 2u) >> ((j >> 2) * 4u);
    uint highs = block_u16(block, 104u + (j & 1u) * 2u) >> ((j >> 1) * 2u);
    uint scales = (lows & 0x0f0fu) | ((highs & 0x0303u) << 4);
    float d = block_half(block, 108u);
    low = (unsigned_bytes(a) - 4.0) * (d * (float(scales & 255u) - 32.0));
    high = (unsigned_bytes(b) - 4.0) * (d * (float(scales >> 8) - 32.0));
}
#endif
