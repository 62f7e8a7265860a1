// K and V as the wide kernels load them: 32-bit words that neighbouring invocations find next to each other.
//
// A slice s (0..3) of a block of 32 values is values 4s..4s+3 (low) and 16+4s..16+4s+3 (high): planes of codes are cut so
// that both halves come from the same bits of one or two words (backend/kv/cache_format.hpp).
#include "lib/wide.glsl"

struct CacheRow {
    uvec2 low, high, scales, offsets;  // each plane's part of the row; PLACE_BLOCKS: `low` is the row
};

CacheRow row_open(uvec2 base, uint place, uint rows, uint row, uint low, uint high, uint scales) {
    CacheRow r;
    if (place == PLACE_BLOCKS) {
        r.low = r.high = r.scales = r.offsets = base;
        return r;
    }
    r.low = advance(base, row, low);
    r.high = advance(advance(base, rows, low), row, high);
    r.scales = advance(base, rows, low + high);
    r.offsets = advance(r.scales, rows, scales * 2);
    // Rows of scales may begin in the middle of a word: half_at() counts from the plane.
    return r;
}

// The word at a byte that is a multiple of 2, of an address that is one.
uint loose_word(uvec2 address, uint at) {
    uint from = (address.x & 3u) + at, shift = (from & 3u) * 8;
    Words words = Words(uvec2(address.x & ~3u, address.y));
    return shift == 0 ? words.v[from >> 2] : (words.v[from >> 2] >> shift) | (words.v[(from >> 2) + 1] << (32 - shift));
}
uint word_of(uvec2 address, uint place, uint at) {
    return place == PLACE_BLOCKS ? loose_word(address, at) : Words(address).v[at >> 2];
}

vec4 halves(uint a, uint b) { return vec4(widen_half(a & 65535u), widen_half(a >> 16), widen_half(b & 65535u), widen_half(b >> 16)); }
vec4 brain_floats(uint a, uint b) {
    return vec4(uintBitsToFloat(a << 16), uintBitsToFloat(a & 0xffff0000u), uintBitsToFloat(b << 16), uintBitsToFloat(b & 0xffff0000u));
}

// The codes of a slice, a byte each.
void slice_codes(CacheRow r, uint coding, uint bits, uint place, uint b, uint s, out uint low, out uint high) {
    const bool gguf = place == PLACE_BLOCKS;
    uint at = gguf ? b * BLOCK_BYTES(coding, bits) + BLOCK_LOW(coding, bits) : b * 4 * LOW_BITS(bits);
    if (bits == 8) {
        low = word_of(r.low, place, at + s * 4);
        high = word_of(r.low, place, at + 16 + s * 4);
        return;
    }
    if (LOW_BITS(bits) == 4) {
        uint word = word_of(r.low, place, at + s * 4);
        low = word & 0x0f0f0f0fu;
        high = (word >> 4) & 0x0f0f0f0fu;
    } else {
        uint word = word_of(r.low, place, at + s % 2 * 4) >> (s / 2 * 2);
        low = word & 0x03030303u;
        high = (word >> 4) & 0x03030303u;
    }
    if (HIGH_BITS(bits) == 2) {
        uint word = word_of(r.high, place, b * 8 + s % 2 * 4) >> (s / 2 * 2);
        low |= (word & 0x03030303u) << 4;
        high |= ((word >> 4) & 0x03030303u) << 4;
    }
    if (HIGH_BITS(bits) == 1) {
        uint word = word_of(r.high, place, gguf ? b * BLOCK_BYTES(coding, bits) + BLOCK_HIGH(coding) : b * 4);
        uint a = gguf ? (word >> (4 * s)) & 15u : word >> s, c = gguf ? (word >> (16 + 4 * s)) & 15u : word >> (4 + s);
        if (gguf) {  // neighbouring bits into neighbouring bytes
            a = (a | (a << 7) | (a << 14) | (a << 21));
            c = (c | (c << 7) | (c << 14) | (c << 21));
        }
        low |= (a & 0x01010101u) << LOW_BITS(bits);
        high |= (c & 0x01010101u) << LOW_BITS(bits);
    }
}

shared float k_levels[16], v_levels[16];
#define LEVELS(a) \
    float[16](a##0, a##1, a##2, a##3, a##4, a##5, a##6, a##7, a##8, a##9, a##10, a##11, a##12, a##13, a##14, a##15)
#define LEVELS_OF(levels, codes) \
    vec4(levels[(codes) & 15u], levels[((codes) >> 8) & 15u], levels[((codes) >> 16) & 15u], levels[(codes) >> 24])

// Defines slice_k and slice_v: the values of slice s of block b of a row of `head` values; zeros past them. `row` is the
// row's number in its planes.
#define DEFINE_SLICE(name, CODING, BITS, ZERO, SHARE, PLACE, HEAD, SCALE_COUNT, levels)                                       \
    void name(CacheRow r, uint row, uint b, uint s, out vec4 low, out vec4 high) {                                            \
        uint a = b * 32 + s * 4;                                                                                              \
        if (CODING == CODING_F32) {                                                                                           \
            low = high = vec4(0); \
            [[unroll]] for (uint i = 0; i < 4; i++) {                                                                         \
                low[i] = uintBitsToFloat(Words(r.low).v[a + i]);                                                              \
                high[i] = uintBitsToFloat(Words(r.low).v[a + 16 + i]);                                                        \
            }                                                                                                                 \
        } else if (CODING < CODING_SCALED) {                                                                                  \
            uint w0 = word_of(r.low, PLACE, a * 2), w1 = word_of(r.low, PLACE, a * 2 + 4);                                    \
            uint w2 = word_of(r.low, PLACE, a * 2 + 32), w3 = word_of(r.low, PLACE, a * 2 + 36);                              \
            low = CODING == CODING_F16 ? halves(w0, w1) : brain_floats(w0, w1);                                               \
            high = CODING == CODING_F16 ? halves(w2, w3) : brain_floats(w2, w3);                                              \
        } else {                                                                                                              \
            uint low_codes, high_codes, g = SHARE == 0 ? 0 : b;                                                               \
            slice_codes(r, CODING, BITS, PLACE, b, s, low_codes, high_codes);                                                 \
            float scale, offset = 0;                                                                                          \
            if (PLACE == PLACE_BLOCKS) {                                                                                      \
                uint both = loose_word(r.low, b * BLOCK_BYTES(CODING, BITS));                                                 \
                scale = widen_half(both & 65535u);                                                                            \
                offset = widen_half(both >> 16);                                                                              \
            } else {                                                                                                          \
                scale = half_at(Words(r.scales), row * SCALE_COUNT + g);                                                      \
                if (CODING == CODING_AFFINE) offset = half_at(Words(r.offsets), row * SCALE_COUNT + g);                       \
            }                                                                                                                 \
            if (CODING == CODING_LEVELS) {                                                                                    \
                low = LEVELS_OF(levels, low_codes) * scale;                                                                   \
                high = LEVELS_OF(levels, high_codes) * scale;                                                                 \
            } else {                                                                                                          \
                low = BITS == 8 ? signed_bytes(low_codes) : unsigned_bytes(low_codes) - float(ZERO);                          \
                high = BITS == 8 ? signed_bytes(high_codes) : unsigned_bytes(high_codes) - float(ZERO);                       \
                low *= scale;                                                                                                 \
                high *= scale;                                                                                                \
                if (CODING == CODING_AFFINE) {                                                                                \
                    low += offset;                                                                                            \
                    high += offset;                                                                                           \
                }                                                                                                             \
            }                                                                                                                 \
        }                                                                                                                     \
        if (a >= HEAD) low = vec4(0);                                                                                         \
        if (a + 16 >= HEAD) high = vec4(0);                                                                                   \
    }
DEFINE_SLICE(slice_k, K_CODING, K_BITS, K_ZERO, K_SHARE, K_PLACE, K_HEAD, K_SCALES, k_levels)
DEFINE_SLICE(slice_v, V_CODING, V_BITS, V_ZERO, V_SHARE, V_PLACE, V_HEAD, V_SCALES, v_levels)
