// iq2_s: super-blocks of 256; of each 8 weights 10 bits of codebook index and 8 signs, of each 16 a scale of 4 bits;
// value = d * (0.5 + scale) / 4 * level * sign, levels 8, 25, 43, f16 d.
#define GROUP_SCALES 2

#ifdef LAYOUT_LANES
#define LEVELS 8.0, 25.0, 43.0, 0.0, -8.0, -25.0, -43.0, 0.0
#define SCALE_UNIT 0.25
#include "lib/lane_levels.glsl"
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
// codes: per group: low bytes of four indices, four bytes of signs
// highs: per group: the high bits of the indices, two scales
ROW_OF_3_PLANES(codes, groups * 8u, highs, groups * 2u, supers, round_up_16(groups >> 2))
void fields(Row r, uint g, out uint indices, out uint minus, out uint highs, out uint scales, out float d) {
    indices = Words(r.codes).v[g * 2u];
    minus = Words(r.codes).v[g * 2u + 1u];
    uint both = Words(r.highs).v[g >> 1] >> ((g & 1u) * 16u);
    highs = both & 255u;
    scales = (both >> 8) & 255u;
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, out uint indices, out uint minus, out uint highs, out uint scales, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 82u);
    uint j = g & 7u;
    indices = block_u32(block, 2u + j * 4u);
    minus = block_u32(block, 34u + j * 4u);
    highs = block_u8(block, 66u + j);
    scales = block_u8(block, 74u + j);
    d = block_half(block, 0u);
}
#endif

vec4 four(uint indices, uint minus, uint highs, uint k, uint h) {
    uint index = ((indices >> (k * 8u)) & 255u) | (((highs >> (k * 2u)) & 3u) << 8);
    return levels_iq2(codes_of_eight(codebook_entry(index), h)) * signs(minus >> (k * 8u + h * 4u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint indices, minus, highs, scales;
    float d;
    fields(r, g, indices, minus, highs, scales, d);
    low = d * (0.5 + float(scales & 15u)) * 0.25 * four(indices, minus, highs, s >> 1, s & 1u);
    high = d * (0.5 + float(scales >> 4)) * 0.25 * four(indices, minus, highs, 2u + (s >> 1), s & 1u);
}
#endif
