// The read roof of lane devices (lib/lane.glsl): sums a large buffer by lane-select loads; every workgroup reads its own stretch
// of `blocks` KiB from start to end. Grid: x = workgroups.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/lane.glsl"

layout(local_size_x = LANES) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;
    uvec2 y;      // one float per invocation
    uint blocks;  // KiB per workgroup
} p;

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Input { float v[256]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    lane_init();
    Input x = Input(advance(p.x, gl_WorkGroupID.x, p.blocks * 1024));
    float sum[8] = float[8](0, 0, 0, 0, 0, 0, 0, 0);
    uint i = 0;
    do {
        Input at = x + i;
        [[unroll]] for (uint u = 0; u < 32; u++) sum[u % 8] += LANE_FLOAT(at.v, u);
        i++;
    } while (i < p.blocks);
    Output(p.y).v[gl_GlobalInvocationID.x] =
        ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}
