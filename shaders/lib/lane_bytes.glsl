// What formats with a signed byte a weight share in the `lanes` layout: the plane of codes, or of the levels they stand for.
#define LANE_CODES 1
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { int8_t q[32 * LANES]; };
void byte_codes(Codes at, uint j, out float c[LANE_CODES]) { c[0] = LANE_INT8(at.q, j); }
