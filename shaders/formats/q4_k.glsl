// q4_k: super-blocks of 256 in 8 groups of 32, value = d * scale * code - dmin * min; 4-bit codes, 6-bit scales and mins, f16 d and dmin.
#define GROUP_SCALES 1
#define GROUP_OFFSET 1

#ifdef LAYOUT_LANES
#define LANE_CODES 2
float code_unit(uint l) { return l == 0 ? 1.0 : 1.0 / 16; }  // high nibbles stay where they are: no shift
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[16 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { uint8_t s[LANES]; uint8_t m[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; float16_t m[LANES]; };
struct Tile {
    Codes codes;
    Scales scales;
    Supers supers;
};
#define TILE_BYTES(groups) ((groups) * 148u)
Tile tile_open(uvec2 base, uint groups) {
    return Tile(Codes(base), Scales(advance(base, groups * 128u)), Supers(advance(base, groups * 144u)));
}

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    uint q = LANE_UINT8(at.q, j);
    c[0] = float(int(q & 15u));
    c[1] = float(int(q & 240u));
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    d[0] = LANE_FLOAT16(super.d, 0) * float(int(LANE_UINT8(at.s, 0)));
    m[0] = -LANE_FLOAT16(super.m, 0) * float(int(LANE_UINT8(at.m, 0)));
}
#endif

#ifdef LAYOUT_PLANES
struct Row {
    uvec2 codes;
    uvec2 headers;  // as in the file: d, dmin, 12 bytes of packed scales and mins
};
Row row_open(uvec2 base, uint rows, uint row, uint groups) {
    return Row(advance(base, row, groups * 16u),
               advance(advance(base, rows, groups * 16u), row, groups * 2u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s];
    uint header = (g >> 3) * 4u, j = g & 7u, shift = (j & 3u) * 8u;
    uint halves = Words(r.headers).v[header], a = Words(r.headers).v[header + 1u] >> shift, b = Words(r.headers).v[header + 2u] >> shift;
    uint scale, minimum;
    if (j < 4u) {
        scale = a & 63u;
        minimum = b & 63u;
    } else {
        uint c = Words(r.headers).v[header + 3u] >> shift;
        scale = (c & 15u) | ((a >> 2) & 48u);
        minimum = ((c >> 4) & 15u) | ((b >> 2) & 48u);
    }
    float d = widen_half(halves & 65535u) * float(scale), m = widen_half(halves >> 16) * float(minimum);
    low = unsigned_bytes(q & 0x0f0f0f0fu) * d - m;
    high = unsigned_bytes((q >> 4) & 0x0f0f0f0fu) * d - m;
}
#endif
