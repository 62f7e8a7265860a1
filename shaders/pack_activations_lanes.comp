// Packs f32 activations for matmul_lanes.comp: [batch][tile][group]{ float v[32][TOKENS]; float sum[2][TOKENS]; }.
//
// Elements past K and tokens past N become zeros, so that neither contributes whatever the padding of the weights holds; the
// sums over 16 elements let a format apply its offset once per group. One invocation does one (group, token).
// Grid: x covers groups * TOKENS, as
// far as the device's limit allows, y = tiles, z = batches. By expert: lib/experts.glsl; a tile's pairs are gathered.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x = 8) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;              // f32 activations
    uvec2 packed;
    uint elements;        // K
    uint tokens;          // N
    uint groups;          // K / 32, rounded up
    uint tile;            // TOKENS
    uint x_stride;        // floats between tokens of x
    uvec2 x_batch_bytes;  // bytes between batches of x
    uvec2 experts_at;     // by expert: the tiles
    uint used;            // by expert: slots of a token
} p;
#define BY_EXPERT_ID 0
#include "lib/experts.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Input { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Packed { float v[]; };

void main() {
    uint count = p.groups * p.tile, token_0 = gl_WorkGroupID.y * p.tile, tokens = p.tokens, group_bytes = 34 * p.tile * 4;
    uvec2 x_base = advance(p.x, gl_WorkGroupID.z, p.x_batch_bytes);
    uvec2 y_base = advance(p.packed, gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y, p.groups * group_bytes);
    if (BY_EXPERT != 0) {
        expert_tile_open(p.experts_at, gl_WorkGroupID.y, p.used, 0, p.tile);
        token_0 = 0;
        tokens = tile_pairs;
        y_base = advance(p.packed, tile_place, p.groups * 34 * 4);
    }
    for (uint at = gl_GlobalInvocationID.x; at < count; at += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint g = at / p.tile, t = at % p.tile, token = token_0 + t, row = min(token, tokens - 1);
        Input x = Input(BY_EXPERT != 0 ? pair_row(p.x, row, p.used, p.x_batch_bytes, p.x_stride)
                                       : advance(x_base, row, p.x_stride * 4));
        Packed y = Packed(advance(y_base, g, group_bytes));
        float sums[2] = float[2](0, 0);
        [[unroll]] for (uint k = 0; k < 32; k++) {
            uint element = g * 32 + k;
            float v = token < tokens && element < p.elements ? x.v[min(element, p.elements - 1)] : 0.0;
            y.v[k * p.tile + t] = v;
            sums[k / 16] += v;
        }
        [[unroll]] for (uint h = 0; h < 2; h++) y.v[(32 + h) * p.tile + t] = sums[h];
    }
}
