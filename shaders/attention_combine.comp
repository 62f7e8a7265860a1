// Merges the partial results of split attention: each slot of a row holds the largest logit m it has seen (in units of
// log2(e)), the sum l of exp2(logit - m), and the sum of exp2(logit - m) * value. Everything in float32.
//
// Partial: [row]{[slot]{ float m, l, y[V_HEAD]; }}, rows as in the result. A row that saw nothing gives zeros.
// One invocation computes values of one row. Grid: x = rows, as far as the device's limit allows, y = parts of V_HEAD.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x = 8) in;
layout(constant_id = 0) const bool SINKS = false;

layout(push_constant, scalar) uniform Arguments {
    uvec2 partial;
    uvec2 y;      // f32 [row][values]
    uvec2 sinks;  // SINKS: f32 for each head
    uint rows;
    uint slots;
    uint values;  // V_HEAD
    uint heads;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Floats { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void main() {
    uint stride = p.values + 2, value = gl_WorkGroupID.y * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    for (uint row = gl_WorkGroupID.x; row < p.rows; row += gl_NumWorkGroups.x) {
        Floats part = Floats(advance(p.partial, row, p.slots * stride * 4));
        float m = SINKS ? Floats(p.sinks).v[row % p.heads] * 1.44269504088896340736 : -1e30;
        float sink = m;
        for (uint s = 0; s < p.slots; s++) m = max(m, part.v[s * stride]);
        float l = SINKS ? exp2(sink - m) : 0.0, sum = 0;
        for (uint s = 0; s < p.slots; s++) {
            float scale = exp2(part.v[s * stride] - m);
            l = fma(scale, part.v[s * stride + 1], l);
            sum = fma(scale, part.v[s * stride + 2 + min(value, p.values - 1)], sum);
        }
        if (value < p.values) Output(advance(p.y, row, p.values * 4)).v[value] = l > 0 ? sum / l : 0.0;
    }
}
