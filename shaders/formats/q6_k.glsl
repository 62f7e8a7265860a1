// q6_k: super-blocks of 256 in 16 groups of 16, value = d * scale * (code - 32); 6-bit codes (4 low, 2 high), int8 scales, f16 d.
#define GROUP_SCALES 2
#define GROUP_OFFSET 1

#ifdef LAYOUT_LANES
#define LANE_CODES 4
float code_unit(uint l) { return l < 2 ? 1.0 : 1.0 / 4; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[16 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Highs { uint8_t q[8 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { int8_t s[2 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
struct Tile {
    Codes codes;
    Highs highs;
    Scales scales;
    Supers supers;
};
#define TILE_BYTES(groups) ((groups) * 210u)
Tile tile_open(uvec2 base, uint groups) {
    return Tile(Codes(base), Highs(advance(base, groups * 128u)), Scales(advance(base, groups * 192u)),
                Supers(advance(base, groups * 208u)));
}

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes low = t.codes + g;
    Highs high = t.highs + g;
    uint a = LANE_UINT8(low.q, j), b = LANE_UINT8(low.q, j + 8), h = LANE_UINT8(high.q, j);
    c[0] = float(int((a & 15u) | (h & 48u)));
    c[1] = float(int((b & 15u) | ((h >> 2) & 48u)));
    c[2] = float(int((a & 240u) | (h & 12u)));
    c[3] = float(int((b & 240u) | ((h << 2) & 12u)));
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float s = LANE_FLOAT16(super.d, 0);
    [[unroll]] for (uint h = 0; h < 2; h++) {
        d[h] = s * LANE_INT8(at.s, h);
        m[h] = -32.0 * d[h];
    }
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_4_PLANES(codes, groups * 16u, highs, groups * 8u, scales, groups * 2u, supers, round_up_16(groups >> 2))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], h = Words(r.highs).v[g * 2u + (s & 1u)];
    // Elements below 16 keep their four low bits in the low nibble and the two high ones in the plane of highs; elements
    // from 16 keep their four high bits in the high nibble and the two low ones in that plane: nothing has to move far.
    uint a = (q & 0x0f0f0f0fu) | ((s < 2u ? h : h >> 2) & 0x30303030u);
    uint b = (q & 0xf0f0f0f0u) | ((s < 2u ? h : h << 2) & 0x0c0c0c0cu);
    float d = half_at(Words(r.supers), g >> 3);
    low = (unsigned_bytes(a) - 32.0) * (d * float(signed_byte_at(Words(r.scales), g * 2u)));
    high = (unsigned_bytes(b >> 2) - 32.0) * (d * float(signed_byte_at(Words(r.scales), g * 2u + 1u)));
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 210u);
    uint j = g & 7u, part = j & 3u, nibbles = (j >> 2) * 64u + (part & 1u) * 32u + s * 4u, pairs = 128u + (j >> 2) * 32u + s * 4u;
    uint nibble_shift = (part >> 1) * 4u, pair_shift = part * 2u;
    uint a = ((block_u32(block, nibbles) >> nibble_shift) & 0x0f0f0f0fu) |
             (((block_u32(block, pairs) >> pair_shift) & 0x03030303u) << 4);
    uint b = ((block_u32(block, nibbles + 16u) >> nibble_shift) & 0x0f0f0f0fu) |
             (((block_u32(block, pairs + 16u) >> pair_shift) & 0x03030303u) << 4);
    uint scales = block_u16(block, 192u + j * 2u);
    float d = block_half(block, 208u);
    low = (unsigned_bytes(a) - 32.0) * (d * float(int(scales << 24) >> 24));
    high = (unsigned_bytes(b) - 32.0) * (d * float(int(scales << 16) >> 24));
}
#endif
