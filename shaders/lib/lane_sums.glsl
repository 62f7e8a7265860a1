// Included after the format by kernels of the lanes layout: step j of a group has the codes of elements
// lane_element(j, 0 .. LANE_CODES - 1). Codes of one unit and scale share a sum where the format says so (LANE_SUMS).
#ifdef LANE_SUMS
float code_unit(uint l) { return sum_unit(code_sum(0, l)); }
#else
#define LANE_SUMS LANE_CODES
uint lane_element(uint j, uint l) { return j + l * (32 / LANE_CODES); }
uint code_sum(uint j, uint l) { return l; }
float sum_unit(uint a) { return code_unit(a); }
#endif
