// y[b][t][r] = sum_s partial[b][s][t][r]: adds up what the split-K kernels left. Grid: x covers the
// rows, as far as the device's limit allows, y = tokens, z = batches.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 partial;  // [batch][split][token][row], dense
    uvec2 y;
    uint rows;
    uint tokens;
    uint splits;
    uint y_stride;        // floats between tokens of y
    uvec2 y_batch_bytes;  // bytes between batches of y
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Partial { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    uint token = gl_WorkGroupID.y, batch = gl_WorkGroupID.z;
    Output y = Output(advance(advance(p.y, batch, p.y_batch_bytes), token, p.y_stride * 4));
    for (uint row = gl_GlobalInvocationID.x; row < p.rows; row += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        float sum = 0;
        for (uint s = 0; s < p.splits; s++)
            sum += Partial(advance(p.partial, (batch * p.splits + s) * p.tokens + token, p.rows * 4)).v[row];
        y.v[row] = sum;
    }
}
