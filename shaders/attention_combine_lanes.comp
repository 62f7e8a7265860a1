// Merges the partial results that attention_lanes.comp leaves (lib/attention_combine.glsl), on a device whose subgroup is eight
// software lanes (lib/lane.glsl). Their maxima are whole numbers: what was merged so far fades by exact powers of two, slot by slot.
//
// One workgroup is one subgroup and merges one row, lanes = values. Grid: x * y = rows, or a few more that write nothing.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/attention_combine.glsl"
#include "lib/lane.glsl"

layout(local_size_x = LANES) in;
layout(constant_id = 1) const uint V_HEAD = 32;

const uint V_VECTORS = V_HEAD / 8;

void main() {
    lane_init();
    uint at = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, row = min(at, p.rows - 1);
    uvec2 slots = advance(p.partial, row, p.slots * (V_HEAD + 2) * 4);
    float m = UNSEEN, l = 0, acc[V_VECTORS];
    [[unroll]] for (uint c = 0; c < V_VECTORS; c++) acc[c] = 0;
    uint s = 0;
    do {
        Floats slot = Floats(advance(slots, s, (V_HEAD + 2) * 4));
        float m_now = max(m, slot.v[0]), fade = exp2_whole(m - m_now), scale = exp2_whole(slot.v[0] - m_now);
        l = fma(l, fade, scale * slot.v[1]);
        [[unroll]] for (uint c = 0; c < V_VECTORS; c++)
            acc[c] = fma(acc[c], fade, scale * LANE_RUN(slot.v, 2 + c * 8));
        m = m_now;
        s++;
    } while (s < p.slots);
    float factor = last_factor(m, l, SINKS, SINKS ? row_sink(row) : 0.0);
    Output y = Output(advance(p.y, row, V_HEAD * 4));
    if (at < p.rows)
        [[unroll]] for (uint c = 0; c < V_VECTORS; c++) y.v[c * 8 + lane] = acc[c] * factor;
}
