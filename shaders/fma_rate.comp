// The multiply-add roof: every invocation runs ACCUMULATORS independent chains of fma in registers and stores their sum, so
// that nothing can be left out. 2 * ACCUMULATORS * 16 * rounds operations per invocation. Grid: x = workgroups.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ACCUMULATORS = 16;

layout(push_constant, scalar) uniform Arguments {
    uvec2 y;      // one float per invocation
    float scale;  // near 1, unknown to the compiler
    float offset;
    uint rounds;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    float acc[ACCUMULATORS];
    [[unroll]] for (uint i = 0; i < ACCUMULATORS; i++) acc[i] = float(gl_GlobalInvocationID.x + i) * 1e-6;
    uint round = 0;
    do {
        [[unroll]] for (uint r = 0; r < 16; r++)
            [[unroll]] for (uint i = 0; i < ACCUMULATORS; i++) acc[i] = fma(acc[i], p.scale, p.offset);
        round++;
    } while (round < p.rounds);
    float sum = 0;
    [[unroll]] for (uint i = 0; i < ACCUMULATORS; i++) sum += acc[i];
    Output(p.y).v[gl_GlobalInvocationID.x] = sum;
}
