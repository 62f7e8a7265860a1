// q4_k: super-blocks of 256 in 8 groups of 32, value = d * scale * code - dmin * min; 4-bit codes, 6-bit scales and mins, f16 d and dmin.
#define GROUP_SCALES 1
#define GROUP_OFFSET 1
#include "lib/k_scales.glsl"

#ifdef LAYOUT_LANES
#include "lib/lane_nibbles.glsl"
#define TILE_BYTES(groups) ((groups) * 148u)
TILE_OF_3_PLANES(128u, 16u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { nibble_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    lane_k_scales(t.scales, t.supers, g, d[0], m[0]);
}
#endif

#ifdef LAYOUT_PLANES
// headers, as in the file: d, dmin, 12 bytes of packed scales and mins
ROW_OF_2_PLANES(codes, groups * 16u, headers, groups * 2u)
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], at = (g >> 3) * 4u;
    uvec4 header = uvec4(Words(r.headers).v[at], Words(r.headers).v[at + 1u], Words(r.headers).v[at + 2u], Words(r.headers).v[at + 3u]);
    float d, m;
    k_scales(header, g & 7u, d, m);
    low = unsigned_bytes(q & 0x0f0f0f0fu) * d - m;
    high = unsigned_bytes((q >> 4) & 0x0f0f0f0fu) * d - m;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 144u);
    uint j = g & 7u, at = 16u + (j >> 1) * 32u + s * 4u, shift = (j & 1u) * 4u;
    uint a = (block_u32(block, at) >> shift) & 0x0f0f0f0fu, b = (block_u32(block, at + 16u) >> shift) & 0x0f0f0f0fu;
    float d, m;
    k_scales(block_words(block), j, d, m);
    low = unsigned_bytes(a) * d - m;
    high = unsigned_bytes(b) * d - m;
}
#endif
