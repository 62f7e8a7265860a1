// tq1_0: blocks of 256, value = d * (digit - 1), five ternary digits to a byte (backend/formats/tq1_0.cpp), f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define TILE_BYTES(groups) ((groups) * 66u + (((groups) * 7u + 15u) & ~15u))
#include "lib/lane_pairs.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
TILE_OF_2_PLANES(64u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { pair_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + (g >> 3);
    d[0] = LANE_FLOAT16(at.d, 0);
    m[0] = -d[0];
}
#endif

#ifndef LAYOUT_LANES
#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, round_up_16((groups >> 3) * 52u), scales, round_up_16((groups >> 3) * 2u))
uint code_word(Row r, uint block, uint word) { return Words(r.codes).v[block * 13u + word]; }
float scale(Row r, uint block) { return half_at(Words(r.scales), block); }
#else
uint code_word(Row r, uint block, uint word) { return block_u32(r.base, block * 54u + word * 4u); }
float scale(Row r, uint block) { return block_half(r.base, block * 54u + 52u); }
#endif

const uint powers_of_3[5] = uint[](1u, 3u, 9u, 27u, 81u);

// Digit n of four bytes, less one.
vec4 digits(uint word, uint n) {
    uvec4 v = uvec4(word, word >> 8, word >> 16, word >> 24) * powers_of_3[n] & 255u;
    return vec4((v * 3u) >> 8) - 1.0;
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint block = g >> 3, j = g & 7u;
    float d = scale(r, block);
    if (j < 5u) {  // one digit of 32 bytes
        low = digits(code_word(r, block, s), j) * d;
        high = digits(code_word(r, block, 4u + s), j) * d;
    } else {  // digits of 16 bytes; the last half group is made of the four digits of four bytes
        uint word = code_word(r, block, 8u + s), n = (j - 5u) * 2u;
        low = digits(word, n) * d;
        high = (j == 7u ? digits(code_word(r, block, 12u), s) : digits(word, n + 1u)) * d;
    }
}
#endif
