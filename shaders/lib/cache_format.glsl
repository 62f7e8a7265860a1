// Formats of cache rows as specialization constants: how attention kernels know what the bits of K and V mean
// (backend/kv/cache_format.hpp, whose numbers these are). Everything here folds when a pipeline is made.

// codings
#define CODING_F32 0u
#define CODING_F16 1u
#define CODING_BF16 2u
#define CODING_SCALED 3u  // scale * (code - zero)
#define CODING_AFFINE 4u  // scale * code + offset
#define CODING_LEVELS 5u  // scale * level[code]

// Codes are kept as a low plane of 8, 4 or 2 bits and a high plane of 2, 1 or 0.
#define LOW_BITS(bits) ((bits) == 8u ? 8u : (bits) >= 4u ? 4u : 2u)
#define HIGH_BITS(bits) ((bits) - LOW_BITS(bits))
#define BLOCKS(head) (((head) + 31u) / 32u)  // of 32 values, the last one padded

// Bytes of a row's planes, in their order: low codes (or the values themselves), high codes, scales, offsets.
#define LOW_BYTES(coding, bits, head) \
    ((coding) == CODING_F32 ? (head) * 4u : (coding) < CODING_SCALED ? (head) * 2u : BLOCKS(head) * 4u * LOW_BITS(bits))
#define HIGH_BYTES(coding, bits, head) ((coding) < CODING_SCALED ? 0u : BLOCKS(head) * 4u * HIGH_BITS(bits))
#define SCALES(coding, group, head) ((coding) < CODING_SCALED ? 0u : (group) == 0u ? 1u : BLOCKS(head))
#define ROW_BYTES(coding, bits, group, head)                                  \
    (LOW_BYTES(coding, bits, head) + HIGH_BYTES(coding, bits, head) +         \
     SCALES(coding, group, head) * ((coding) == CODING_AFFINE ? 4u : 2u))

// GGUF blocks of 32: scale, offset (affine), highest bits (five-bit codes), low codes.
#define BLOCK_OFFSET 2u
#define BLOCK_HIGH(coding) ((coding) == CODING_AFFINE ? 4u : 2u)
#define BLOCK_LOW(coding, bits) (BLOCK_HIGH(coding) + ((bits) == 5u ? 4u : 0u))
#define BLOCK_BYTES(coding, bits) (BLOCK_LOW(coding, bits) + 4u * LOW_BITS(bits))

// One of up to 16 constants; unused ones and their selects fold away.
#define SELECT_LEVEL(code, bits, a)                                                                        \
    level_of(code, bits, float[16](a##0, a##1, a##2, a##3, a##4, a##5, a##6, a##7, a##8, a##9, a##10, a##11, \
                                   a##12, a##13, a##14, a##15))
float level_of(uint code, uint bits, float level[16]) {
    bool b0 = (code & 1u) != 0u, b1 = (code & 2u) != 0u, b2 = (code & 4u) != 0u, b3 = (code & 8u) != 0u;
    float a[8], b[4], c[2];
    [[unroll]] for (uint i = 0; i < 8; i++) a[i] = b0 ? level[2 * i + 1] : level[2 * i];
    [[unroll]] for (uint i = 0; i < 4; i++) b[i] = b1 ? a[2 * i + 1] : a[2 * i];
    if (bits == 2u) return b[0];
    [[unroll]] for (uint i = 0; i < 2; i++) c[i] = b2 ? b[2 * i + 1] : b[2 * i];
    if (bits == 3u) return c[0];
    return b3 ? c[1] : c[0];
}
