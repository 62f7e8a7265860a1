// The header of q4_k and q5_k: half d, half dmin, and six-bit scales and mins of 8 groups of 32.

#ifdef LAYOUT_LANES
// A byte each.
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { uint8_t s[LANES]; uint8_t m[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; float16_t m[LANES]; };

void lane_k_scales(Scales scales, Supers supers, uint g, out float d, out float m) {
    Scales at = scales + g;
    Supers super = supers + (g >> 3);
    d = LANE_FLOAT16(super.d, 0) * float(int(LANE_UINT8(at.s, 0)));
    m = -LANE_FLOAT16(super.m, 0) * float(int(LANE_UINT8(at.m, 0)));
}
#else
// As in the file, from the header's four words: d and dmin, then 12 bytes. Gives d * scale and dmin * min of group j.
void k_scales(uvec4 header, uint j, out float d, out float m) {
    uint shift = (j & 3u) * 8u;
    uint a = header.y >> shift, b = header.z >> shift, c = header.w >> shift;
    uint scale = j < 4u ? a & 63u : (c & 15u) | ((a >> 2) & 48u);
    uint minimum = j < 4u ? b & 63u : ((c >> 4) & 15u) | ((b >> 2) & 48u);
    d = widen_half(header.x & 65535u) * float(scale);
    m = widen_half(header.x >> 16) * float(minimum);
}
#endif
