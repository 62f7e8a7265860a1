// What formats with codes of 2 bits share in the `lanes` layout: the plane of codes (pack_pairs of backend/formats/codes.hpp). Offsets,
// scales, and what else goes into them, are the format's own.
#define GROUP_OFFSET 1
#define LANE_CODES 4
// Codes stay where they are in their byte: no shift.
float code_unit(uint l) { return l == 0 ? 1.0 : l == 1 ? 1.0 / 4 : l == 2 ? 1.0 / 16 : 1.0 / 64; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[8 * LANES]; };
void pair_codes(Codes at, uint j, out float c[LANE_CODES]) {
    uint q = LANE_UINT8(at.q, j);
    c[0] = float(int(q & 3u));
    c[1] = float(int(q & 12u));
    c[2] = float(int(q & 48u));
    c[3] = float(int(q & 192u));
}
