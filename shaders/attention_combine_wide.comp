// Merges the partial results of split attention (lib/attention_combine.glsl). One invocation computes values of one row. Grid:
// x = rows, as far as the device's limit allows, y = parts of V_HEAD.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/attention_combine.glsl"

layout(local_size_x = 8) in;

void main() {
    uint stride = p.values + 2, value = gl_WorkGroupID.y * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    for (uint row = gl_WorkGroupID.x; row < p.rows; row += gl_NumWorkGroups.x) {
        Floats part = Floats(advance(p.partial, row, p.slots * stride * 4));
        float m = SINKS ? row_sink(row) : UNSEEN;
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
