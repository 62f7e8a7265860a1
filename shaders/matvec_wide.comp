// y[t][r] = sum_k w[r][k] * x[t][k] for 1..8 tokens on devices with wide subgroups.
//
// Weights: the `planes` layout (lib/wide.glsl), or `blocks` (lib/blocks.glsl). One workgroup computes ROWS rows x TOKENS tokens over one of `splits` parts
// of K; its invocations stride over slices of 8 elements, so neighbours read neighbouring words, and each activation loaded
// serves ROWS rows. With splits > 1 the destination is a scratch of partial sums that reduce_splits.comp adds up: small
// matrices then fill a wide device. Grid: x = row groups, y = splits, z = batches. By expert: lib/experts.glsl, without splits.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/reduce.glsl"
#include "lib/rows.glsl"

layout(local_size_x_id = 0) in;                // invocations per workgroup, a multiple of the subgroup size
layout(constant_id = 1) const uint ROWS = 2;    // rows per workgroup
layout(constant_id = 2) const uint TOKENS = 1;  // tokens, all in one workgroup

layout(push_constant, scalar) uniform Arguments {
    uvec2 w;              // weights
    uvec2 x;              // f32 activations, rows of groups * 32 floats, 16-byte aligned
    uvec2 y;              // f32 destination, or partial sums [batch][split][token][row]
    uint rows;            // M
    uint groups;          // K / 32, rounded up
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

void main() {
    codebook_open(p.codebook);
    uint batch = gl_WorkGroupID.z, split = gl_WorkGroupID.y, splits = gl_NumWorkGroups.y;
    uint row_0 = (p.first_group + gl_WorkGroupID.x) * ROWS, matrix = batch / p.w_share;
    if (BY_EXPERT != 0) {
        expert_tile_open(p.experts_at, gl_WorkGroupID.y, p.w_share, p.ids_stride, TOKENS);
        if (!expert_tile_here(p.experts, p.first_expert, p.here_experts)) return;
        matrix = min(tile_expert - p.first_expert, p.here_experts - 1);
        split = 0;
        splits = 1;
    }
    uvec2 w_base = advance(p.w, matrix, p.w_batch_bytes);
    uvec2 x_base = advance(p.x, batch, p.x_batch_bytes);
    Row w[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) w[r] = OPEN_ROW(w_base, min(row_0 + r, p.rows - 1));
    uvec2 x[TOKENS];
    [[unroll]] for (uint t = 0; t < TOKENS; t++)
        x[t] = BY_EXPERT != 0 ? pair_row(p.x, min(t, tile_pairs - 1), p.w_share, p.x_batch_bytes, p.x_stride)
                              : advance(x_base, t, p.x_stride * 4);

    float acc[ROWS][TOKENS];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint t = 0; t < TOKENS; t++) acc[r][t] = 0;

    uint groups = (p.groups + splits - 1) / splits;
    uint end = min((split + 1) * groups, p.groups) * 4;
    for (uint i = split * groups * 4 + gl_LocalInvocationIndex; i < end; i += gl_WorkGroupSize.x) {
        uint g = i >> 2, s = i & 3;
        vec4 low[ROWS], high[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) slice(w[r], g, s, low[r], high[r]);
        [[unroll]] for (uint t = 0; t < TOKENS; t++) {
            Activations row = Activations(x[t]);
            vec4 a = row.v[g * 8 + s], b = row.v[g * 8 + 4 + s];
            [[unroll]] for (uint r = 0; r < ROWS; r++) acc[r][t] += dot(low[r], a) + dot(high[r], b);
        }
    }

    uvec2 y_base = advance(advance(p.y, batch, p.y_batch_bytes), split, p.y_split_bytes);
    [[unroll]] for (uint t = 0; t < TOKENS; t++)
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float sum = workgroup_sum(acc[r][t]);
            if (gl_LocalInvocationIndex != 0 || row_0 + r >= p.rows) continue;
            if (BY_EXPERT == 0)
                Output(advance(y_base, t, p.y_stride * 4)).v[row_0 + r] = sum;
            else if (t < tile_pairs)
                Output(pair_row(p.y, t, p.w_share, p.y_batch_bytes, p.y_stride)).v[row_0 + r] = tile_expert < p.experts ? sum : 0.0;
        }
}
