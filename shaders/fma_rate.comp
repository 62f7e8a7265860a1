// The multiply-add roof: every invocation runs ACCUMULATORS independent chains of fma in registers and stores their sum, so
// that nothing can be left out. Four chains to a vector, for drivers that do not unroll loops. 2 * ACCUMULATORS * 16 * rounds
// operations per invocation. Grid: x = workgroups.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ACCUMULATORS = 16;  // a multiple of 4

layout(push_constant, scalar) uniform Arguments {
    uvec2 y;      // one float per invocation
    float scale;  // near 1, unknown to the compiler
    float offset;
    uint rounds;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    vec4 acc[ACCUMULATORS / 4];
    [[unroll]] for (uint i = 0; i < ACCUMULATORS / 4; i++)
        acc[i] = vec4(gl_GlobalInvocationID.x + i * 4 + uvec4(0, 1, 2, 3)) * 1e-6;
    vec4 scale = vec4(p.scale), offset = vec4(p.offset);
    uint round = 0;
    do {
        [[unroll]] for (uint r = 0; r < 16; r++)
            [[unroll]] for (uint i = 0; i < ACCUMULATORS / 4; i++) acc[i] = fma(acc[i], scale, offset);
        round++;
    } while (round < p.rounds);
    vec4 sum = vec4(0);
    [[unroll]] for (uint i = 0; i < ACCUMULATORS / 4; i++) sum += acc[i];
    Output(p.y).v[gl_GlobalInvocationID.x] = (sum.x + sum.y) + (sum.z + sum.w);
}
