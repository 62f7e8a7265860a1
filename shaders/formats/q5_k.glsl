// q5_k: super-blocks of 256 in 8 groups of 32, value = d * scale * code - dmin * min; 5-bit codes, 6-bit scales and mins, f16 d and dmin.
#define GROUP_SCALES 1
#define GROUP_OFFSET 1
#include "lib/bits.glsl"
#include "lib/five_bits.glsl"
#include "lib/k_scales.glsl"

#ifdef LAYOUT_LANES
#define TILE_BYTES(groups) ((groups) * 180u)
TILE_OF_3_PLANES(160u, 16u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { lane_five_bits(t.codes, g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    lane_k_scales(t.scales, t.supers, g, d[0], m[0]);
}
#endif

#ifdef LAYOUT_PLANES
// headers: as in the file: d, dmin, 12 bytes of packed scales and mins
ROW_OF_3_PLANES(codes, groups * 16u, fifths, groups * 4u, headers, groups * 2u)
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], fifths = Words(r.fifths).v[g], at = (g >> 3) * 4u;
    uvec4 header = uvec4(Words(r.headers).v[at], Words(r.headers).v[at + 1u], Words(r.headers).v[at + 2u], Words(r.headers).v[at + 3u]);
    float d, m;
    k_scales(header, g & 7u, d, m);
    low = unsigned_bytes((q & 0x0f0f0f0fu) | low_bits(fifths, s) << 4) * d - m;
    high = unsigned_bytes(((q >> 4) & 0x0f0f0f0fu) | high_bits(fifths, s) << 4) * d - m;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 176u);
    uint j = g & 7u, at = 48u + (j >> 1) * 32u + s * 4u, shift = (j & 1u) * 4u;
    uint a = ((block_u32(block, at) >> shift) & 0x0f0f0f0fu) | ((block_u32(block, 16u + s * 4u) >> j) & 0x01010101u) << 4;
    uint b = ((block_u32(block, at + 16u) >> shift) & 0x0f0f0f0fu) | ((block_u32(block, 32u + s * 4u) >> j) & 0x01010101u) << 4;
    float d, m;
    k_scales(block_words(block), j, d, m);
    low = unsigned_bytes(a) * d - m;
    high = unsigned_bytes(b) * d - m;
}
#endif
