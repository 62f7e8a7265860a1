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
#define BLOCK_HIGH(coding) ((coding) == CODING_AFFINE ? 4u : 2u)
#define BLOCK_LOW(coding, bits) (BLOCK_HIGH(coding) + ((bits) == 5u ? 4u : 0u))
#define BLOCK_BYTES(coding, bits) (BLOCK_LOW(coding, bits) + 4u * LOW_BITS(bits))
