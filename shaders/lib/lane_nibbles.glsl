// What formats with codes of 4 bits share in the `lanes` layout: the plane of codes (pack_nibbles of backend/formats/codes.hpp).
#define LANE_CODES 2
float code_unit(uint l) { return l == 0 ? 1.0 : 1.0 / 16; }  // high nibbles stay where they are: no shift
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[16 * LANES]; };
void nibble_codes(Codes at, uint j, out float c[LANE_CODES]) {
    uint q = LANE_UINT8(at.q, j);
    c[0] = float(int(q & 15u));
    c[1] = float(int(q & 240u));
}
