// The read roof of wide devices: sums 16-byte loads of a large buffer, neighbours next to each other; one float per invocation.
// Grid: x = workgroups; each reads `vectors` vec4 per invocation, the grid's whole width apart.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x_id = 0) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;
    uvec2 y;       // one float per invocation
    uint vectors;  // vec4 per invocation, a multiple of 4
} p;

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Input { vec4 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    uint width = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    vec4 sum[4] = vec4[4](vec4(0), vec4(0), vec4(0), vec4(0));
    uint i = 0;
    do {
        Input x = Input(advance(advance(p.x, i, width * 16), gl_GlobalInvocationID.x, 16));
        [[unroll]] for (uint u = 0; u < 4; u++) sum[u] += x.v[u * width];
        i += 4;
    } while (i < p.vectors);
    vec4 total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    Output(p.y).v[gl_GlobalInvocationID.x] = (total.x + total.y) + (total.z + total.w);
}
