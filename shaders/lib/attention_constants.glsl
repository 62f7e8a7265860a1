// The specialization constants that the attention kernels over K and V share (backend/attention/attention_plan.cpp fills
// them in), and what follows from them.

layout(constant_id = 0) const uint ROWS = 1;  // rows of a tile: (token, head of the KV head's group) pairs, head fastest
layout(constant_id = 1) const uint GROUP = 1;  // heads per KV head
layout(constant_id = 2) const uint K_HEAD = 32;  // values of a row of K and of Q, a multiple of 8
layout(constant_id = 3) const uint V_HEAD = 32;  // values of a row of V, a multiple of 8
layout(constant_id = 4) const uint MASK = 0;  // a given mask: 0 none, 1 f16, 2 f32
layout(constant_id = 5) const bool CAUSAL = false;
layout(constant_id = 6) const bool SOFTCAP = false;
layout(constant_id = 7) const bool ALIBI = false;
layout(constant_id = 8) const bool SINKS = false;  // with DIRECT
layout(constant_id = 9) const bool DIRECT = true;  // writes results; otherwise partial ones (lib/attention_combine.glsl)
layout(constant_id = 10) const uint K_CODING = 1;
layout(constant_id = 11) const uint K_BITS = 16;
layout(constant_id = 12) const uint K_ZERO = 0;
layout(constant_id = 13) const uint K_SHARE = 0;  // values that share a scale: 32, or 0 for the whole row
layout(constant_id = 14) const uint K_PLACE = 0;  // where rows lie: PLACE_*
layout(constant_id = 15) const uint V_CODING = 1;
layout(constant_id = 16) const uint V_BITS = 16;
layout(constant_id = 17) const uint V_ZERO = 0;
layout(constant_id = 18) const uint V_SHARE = 0;
layout(constant_id = 19) const uint V_PLACE = 0;
layout(constant_id = 20) const uint V_STORED = 32;  // values of a stored row of V: more than V_HEAD where V is a view of K
layout(constant_id = 21) const uint TILE = 8;  // positions of a tile
layout(constant_id = 22) const uint THREADS = 8;  // invocations of a workgroup
// The levels of K's and V's codes, for formats that have them.
layout(constant_id = 23) const float K_LEVEL_0 = 0;
layout(constant_id = 24) const float K_LEVEL_1 = 0;
layout(constant_id = 25) const float K_LEVEL_2 = 0;
layout(constant_id = 26) const float K_LEVEL_3 = 0;
layout(constant_id = 27) const float K_LEVEL_4 = 0;
layout(constant_id = 28) const float K_LEVEL_5 = 0;
layout(constant_id = 29) const float K_LEVEL_6 = 0;
layout(constant_id = 30) const float K_LEVEL_7 = 0;
layout(constant_id = 31) const float K_LEVEL_8 = 0;
layout(constant_id = 32) const float K_LEVEL_9 = 0;
layout(constant_id = 33) const float K_LEVEL_10 = 0;
layout(constant_id = 34) const float K_LEVEL_11 = 0;
layout(constant_id = 35) const float K_LEVEL_12 = 0;
layout(constant_id = 36) const float K_LEVEL_13 = 0;
layout(constant_id = 37) const float K_LEVEL_14 = 0;
layout(constant_id = 38) const float K_LEVEL_15 = 0;
layout(constant_id = 39) const float V_LEVEL_0 = 0;
layout(constant_id = 40) const float V_LEVEL_1 = 0;
layout(constant_id = 41) const float V_LEVEL_2 = 0;
layout(constant_id = 42) const float V_LEVEL_3 = 0;
layout(constant_id = 43) const float V_LEVEL_4 = 0;
layout(constant_id = 44) const float V_LEVEL_5 = 0;
layout(constant_id = 45) const float V_LEVEL_6 = 0;
layout(constant_id = 46) const float V_LEVEL_7 = 0;
layout(constant_id = 47) const float V_LEVEL_8 = 0;
layout(constant_id = 48) const float V_LEVEL_9 = 0;
layout(constant_id = 49) const float V_LEVEL_10 = 0;
layout(constant_id = 50) const float V_LEVEL_11 = 0;
layout(constant_id = 51) const float V_LEVEL_12 = 0;
layout(constant_id = 52) const float V_LEVEL_13 = 0;
layout(constant_id = 53) const float V_LEVEL_14 = 0;
layout(constant_id = 54) const float V_LEVEL_15 = 0;

// Rows of K with positions interleaved, rows one after the other in tiles of 8, rows in planes of the whole side, and
// anybody's rows of GGUF blocks or plain numbers (backend/attention/cache_layout.hpp).
#define PLACE_INTERLEAVED 0u
#define PLACE_ROWS 1u
#define PLACE_PLANES 2u
#define PLACE_BLOCKS 3u

const uint K_LOW_BYTES = LOW_BYTES(K_CODING, K_BITS, K_HEAD), K_HIGH_BYTES = HIGH_BYTES(K_CODING, K_BITS, K_HEAD);
const uint V_LOW_BYTES = LOW_BYTES(V_CODING, V_BITS, V_STORED), V_HIGH_BYTES = HIGH_BYTES(V_CODING, V_BITS, V_STORED);
const uint K_SCALES = SCALES(K_CODING, K_SHARE, K_HEAD), V_SCALES = SCALES(V_CODING, V_SHARE, V_STORED);
const uint K_BLOCKS = BLOCKS(K_HEAD), V_BLOCKS = BLOCKS(V_HEAD);
const uint K_ROW_BYTES = ROW_BYTES(K_CODING, K_BITS, K_SHARE, K_HEAD), V_ROW_BYTES = ROW_BYTES(V_CODING, V_BITS, V_SHARE, V_STORED);
