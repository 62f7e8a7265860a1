// Lanes planes of formats whose weights are one of eight levels: codes of 3 bits (pack_words of backend/formats/codebook_format.hpp), a byte of scales
// per 32, d. The format defines GROUP_SCALES, LEVELS (eight floats, by code) and SCALE_UNIT: a scale is d * (c + 0.5) * SCALE_UNIT
// with the byte, or for two scales its nibbles, as c.
//
// Lane i holds level i, and a shuffle by the codes looks eight weights up in one instruction (vpermps): no conversion to float, no
// sign, no offset.
#extension GL_KHR_shader_subgroup_shuffle : require

#define LANE_CODES 4
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint q[3 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { uint8_t s[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 106u)
TILE_OF_3_PLANES(96u, 8u)

float level(uint code) { return subgroupShuffle(lane_select(LEVELS), code & 7u); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    uint w0 = LANE_LOAD(at.q, 0), w1 = LANE_LOAD(at.q, 1), w2 = LANE_LOAD(at.q, 2);
    c[0] = level(w0 >> (j * 3u));
    c[1] = level(w1 >> (j * 3u));
    c[2] = level(w2 >> (j * 3u));
    if (j == 7u)
        c[3] = level((w1 >> 30) | ((w2 >> 29) & 4u));
    else if (j == 6u)
        c[3] = level((w0 >> 30) | ((w2 >> 28) & 4u));
    else
        c[3] = level((j < 2u ? w0 : j < 4u ? w1 : w2) >> (24u + (j & 1u) * 3u));
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float s = LANE_FLOAT16(super.d, 0) * SCALE_UNIT;
    uint c = LANE_UINT8(at.s, 0);
#if GROUP_SCALES == 1
    d[0] = s * (float(int(c)) + 0.5);
#else
    d[0] = s * (float(int(c & 15u)) + 0.5);
    d[1] = s * (float(int(c >> 4)) + 0.5);
#endif
}
