// y[t][r] = sum_k w[r][k] * x[t][k] for many tokens on devices with wide subgroups and fast shared memory.
//
// Weights: the `planes` layout (lib/wide.glsl), or `blocks` (lib/blocks.glsl). One workgroup computes a tile of ROWS rows x TOKENS tokens over one of
// `splits` parts of K: each group of 32 K is dequantized once into shared memory, next to the activations, and every
// invocation keeps 4 x 4 results in registers. Splits as in matvec_wide.comp. Grid: x = row tiles, y = token tiles,
// z = batch * splits + split. By expert: lib/experts.glsl.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/rows.glsl"

layout(local_size_x_id = 0) in;                  // ROWS * TOKENS / 16 invocations
layout(constant_id = 1) const uint ROWS = 32;    // rows per tile, a multiple of 4
layout(constant_id = 2) const uint TOKENS = 32;  // tokens per tile, a multiple of 4

layout(push_constant, scalar) uniform Arguments {
    uvec2 w;              // weights
    uvec2 x;              // f32 activations, rows of groups * 32 floats, 16-byte aligned
    uvec2 y;              // f32 destination, or partial sums [batch][split][token][row]
    uint rows;            // M
    uint tokens;          // N
    uint groups;          // K / 32, rounded up
    uint splits;
    uint x_stride;        // floats between tokens of x, a multiple of 4
    uint y_stride;        // floats between tokens of y
    uvec2 x_batch_bytes;  // bytes between batches of x
    uvec2 y_batch_bytes;  // bytes between batches of y
    uvec2 y_split_bytes;  // bytes between splits of y
    uvec2 w_batch_bytes;  // bytes between batches of w
    uint w_stride;        // blocks: bytes between rows of w
    uint w_row_bytes;     // blocks: bytes of a row of w
    uint w_share;         // batches of x that share one batch of w; by expert: slots of a token
    uint first_group;     // added to the workgroup's x: devices limit the grid
    uvec2 codebook;       // of formats that have one
    uvec2 experts_at;     // by expert: the ids, or the tiles
    uint experts;         // by expert: of the whole stack
    uint first_expert;    // by expert: the one w begins with
    uint here_experts;    // by expert: in w
    uint ids_stride;      // by expert: ids between tokens
} p;
#define BY_EXPERT_ID 3
#include "lib/experts.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Activations { vec4 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

// [k][row] and [k][token], padded by one vec4 against bank conflicts of the transposing stores.
const uint W_STRIDE = ROWS / 4 + 1, X_STRIDE = TOKENS / 4 + 1;
shared vec4 w_tile[32 * W_STRIDE];
shared vec4 x_tile[32 * X_STRIDE];

void main() {
    codebook_open(p.codebook);
    uint batch = gl_WorkGroupID.z / p.splits, split = gl_WorkGroupID.z % p.splits;
    uint row_0 = (p.first_group + gl_WorkGroupID.x) * ROWS, token_0 = gl_WorkGroupID.y * TOKENS, at = gl_LocalInvocationIndex;
    uint matrix = batch / p.w_share, tokens = p.tokens;
    if (BY_EXPERT != 0) {
        expert_tile_open(p.experts_at, gl_WorkGroupID.y, p.w_share, p.ids_stride, TOKENS);
        if (!expert_tile_here(p.experts, p.first_expert, p.here_experts)) return;
        matrix = min(tile_expert - p.first_expert, p.here_experts - 1);
        tokens = tile_pairs;
        token_0 = 0;
    }
    uvec2 w_base = advance(p.w, matrix, p.w_batch_bytes);
    uvec2 x_base = advance(p.x, batch, p.x_batch_bytes);
    uint my_row = at % (ROWS / 4), my_token = at / (ROWS / 4);

    vec4 acc[4];  // [token] of four rows
    [[unroll]] for (uint t = 0; t < 4; t++) acc[t] = vec4(0);

    uint part = (p.groups + p.splits - 1) / p.splits;
    uint end = min((split + 1) * part, p.groups);
    for (uint g = split * part; g < end; g++) {
        for (uint i = at; i < ROWS * 4; i += gl_WorkGroupSize.x) {
            uint r = i / 4, s = i % 4;
            vec4 low, high;
            slice(OPEN_ROW(w_base, min(row_0 + r, p.rows - 1)), g, s, low, high);
            [[unroll]] for (uint k = 0; k < 4; k++) {
                w_tile[(s * 4 + k) * W_STRIDE + r / 4][r % 4] = low[k];
                w_tile[(16 + s * 4 + k) * W_STRIDE + r / 4][r % 4] = high[k];
            }
        }
        for (uint i = at; i < TOKENS * 8; i += gl_WorkGroupSize.x) {
            uint t = i / 8, q = i % 8;
            uint token = min(token_0 + t, tokens - 1);
            Activations x = Activations(BY_EXPERT != 0 ? pair_row(p.x, token, p.w_share, p.x_batch_bytes, p.x_stride)
                                                       : advance(x_base, token, p.x_stride * 4));
            vec4 v = x.v[g * 8 + q];
            [[unroll]] for (uint k = 0; k < 4; k++) x_tile[(q * 4 + k) * X_STRIDE + t / 4][t % 4] = v[k];
        }
        barrier();
        [[unroll]] for (uint k = 0; k < 32; k++) {
            vec4 a = w_tile[k * W_STRIDE + my_row], b = x_tile[k * X_STRIDE + my_token];
            [[unroll]] for (uint t = 0; t < 4; t++) acc[t] = fma(a, vec4(b[t]), acc[t]);
        }
        barrier();
    }

    uvec2 y_base = advance(advance(p.y, batch, p.y_batch_bytes), split, p.y_split_bytes);
    [[unroll]] for (uint t = 0; t < 4; t++) {
        uint token = token_0 + my_token * 4 + t;
        if (token < tokens) {
            Output y = Output(BY_EXPERT != 0 ? pair_row(p.y, token, p.w_share, p.y_batch_bytes, p.y_stride)
                                             : advance(y_base, token, p.y_stride * 4));
            [[unroll]] for (uint r = 0; r < 4; r++) {
                uint row = row_0 + my_row * 4 + r;
                if (row < p.rows) y.v[row] = BY_EXPERT == 0 || tile_expert < p.experts ? acc[t][r] : 0.0;
            }
        }
    }
}
