// Codes of five bits: q5_0, q5_1, q5_k (backend/formats/codes.hpp).

#ifdef LAYOUT_LANES
// 20 bytes per group of 32; step j has five bytes. Codes 0 to 2 are the low bits of the first three, codes 3 and 4 the high
// bits of the last two, codes 5 to 7 are put together: three bits from the first bytes, two from the last.
#define LANE_CODES 8
#define LANE_SUMS 2
uint lane_element(uint j, uint l) { return j + 4 * l; }
uint code_sum(uint j, uint l) { return l < 3 ? 0 : 1; }
float sum_unit(uint a) { return a == 0 ? 1.0 : 1.0 / 8; }  // the others stay where they are: no shift
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[20 * LANES]; };

void lane_five_bits(Codes codes, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = codes + g;
    uint a = LANE_UINT8(at.q, j), b = LANE_UINT8(at.q, j + 4), e = LANE_UINT8(at.q, j + 8);
    uint m = LANE_UINT8(at.q, j + 12), n = LANE_UINT8(at.q, j + 16);
    c[0] = float(int(a & 31u));
    c[1] = float(int(b & 31u));
    c[2] = float(int(e & 31u));
    c[3] = float(int(m & 248u));
    c[4] = float(int(n & 248u));
    c[5] = float(int((a & 224u) | ((m << 3) & 24u)));
    c[6] = float(int((b & 224u) | ((n << 3) & 24u)));
    c[7] = float(int((e & 224u) | ((m << 2) & 16u) | ((n << 1) & 8u)));
}
#endif
