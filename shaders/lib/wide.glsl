// The `planes` layout as kernels of the `wide` kind read it: 32-bit words only, rows one after the other in each plane, every
// row of a plane starting at a multiple of 16 bytes (backend/layout.hpp).
//
// A format gives these kernels one function: slice() dequantizes slice s (0..3) of a group of 32 elements, that is elements
// 4s..4s+3 (low) and 16+4s..16+4s+3 (high). Four neighbouring invocations then read one group's neighbouring words, and the
// activations they need are two aligned vec4. Its Row holds addresses, not references: SwiftShader (Chromium 156) dies of an
// array of references that is indexed in a loop.
#extension GL_EXT_shader_explicit_arithmetic_types_int32 : enable

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Words { uint v[]; };

uint round_up_16(uint bytes) { return (bytes + 15u) & ~15u; }

// A format's Row, and how it is found: the planes in their order, each by name and bytes of a row (of `groups` groups).
#define ROW_OF_2_PLANES(A, A_BYTES, B, B_BYTES)                                                                \
    struct Row {                                                                                               \
        uvec2 A, B;                                                                                            \
    };                                                                                                         \
    Row row_open(uvec2 base, uint rows, uint row, uint groups) {                                               \
        uint a = A_BYTES, b = B_BYTES;                                                                         \
        return Row(advance(base, row, a), advance(advance(base, rows, a), row, b));                            \
    }
#define ROW_OF_3_PLANES(A, A_BYTES, B, B_BYTES, C, C_BYTES)                                                    \
    struct Row {                                                                                               \
        uvec2 A, B, C;                                                                                         \
    };                                                                                                         \
    Row row_open(uvec2 base, uint rows, uint row, uint groups) {                                               \
        uint a = A_BYTES, b = B_BYTES, c = C_BYTES;                                                            \
        uvec2 second = advance(base, rows, a);                                                                 \
        return Row(advance(base, row, a), advance(second, row, b), advance(advance(second, rows, b), row, c)); \
    }
#define ROW_OF_4_PLANES(A, A_BYTES, B, B_BYTES, C, C_BYTES, D, D_BYTES)                                        \
    struct Row {                                                                                               \
        uvec2 A, B, C, D;                                                                                      \
    };                                                                                                         \
    Row row_open(uvec2 base, uint rows, uint row, uint groups) {                                               \
        uint a = A_BYTES, b = B_BYTES, c = C_BYTES, d = D_BYTES;                                               \
        uvec2 second = advance(base, rows, a), third = advance(second, rows, b);                               \
        return Row(advance(base, row, a), advance(second, row, b), advance(third, row, c),                     \
                   advance(advance(third, rows, c), row, d));                                                  \
    }

// The four bytes of a word as floats.
vec4 unsigned_bytes(uint word) {
    return vec4(word & 255u, (word >> 8) & 255u, (word >> 16) & 255u, word >> 24);
}
vec4 signed_bytes(uint word) {
    int w = int(word);
    return vec4((w << 24) >> 24, (w << 16) >> 24, (w << 8) >> 24, w >> 24);
}
// Byte `at` of an array of words.
uint byte_at(Words words, uint at) { return (words.v[at >> 2] >> ((at & 3u) * 8u)) & 255u; }
int signed_byte_at(Words words, uint at) { return (int(words.v[at >> 2]) << (24 - int(at & 3u) * 8)) >> 24; }

// Half `at` of an array of words.
float half_at(Words words, uint at) { return widen_half((words.v[at >> 1] >> ((at & 1u) * 16u)) & 65535u); }
