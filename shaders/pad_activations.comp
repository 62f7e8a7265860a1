// Copies f32 activations into rows of groups * 32 floats, 16-byte aligned, zeros past K: what the wide kernels need when K is
// not a multiple of 32 or the caller's rows are not aligned. Grid: x covers the
// floats of a row, as far as the device's limit allows, y = tokens, z = batches.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;       // f32 activations
    uvec2 padded;  // [batch][token][groups * 32]
    uint elements;  // K
    uint tokens;    // N
    uint groups;    // K / 32, rounded up
    uint x_stride;        // floats between tokens of x
    uvec2 x_batch_bytes;  // bytes between batches of x
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Input { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Padded { float v[]; };

void main() {
    uint token = gl_WorkGroupID.y, batch = gl_WorkGroupID.z;
    Input x = Input(advance(advance(p.x, batch, p.x_batch_bytes), token, p.x_stride * 4));
    Padded y = Padded(advance(p.padded, batch * p.tokens + token, p.groups * 128));
    for (uint k = gl_GlobalInvocationID.x; k < p.groups * 32; k += gl_NumWorkGroups.x * gl_WorkGroupSize.x)
        y.v[k] = k < p.elements ? x.v[min(k, p.elements - 1)] : 0.0;
}
