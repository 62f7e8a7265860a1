// Packs queries for the attention kernels: times a factor, zeros past their end, and beside each row its sums, by which
// formats apply their offsets once per 32 values.
//
// Output: [sequence][kv head][row, rounded up to whole tiles]{ float v[blocks * 32]; float sum[blocks]; float total; } with
// rows of a multiple of 16 bytes. One invocation packs one row. Grid: x covers the rows of a KV head, as far as the device's
// limit allows, y = kv heads, z = sequences.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x = 8) in;

layout(push_constant, scalar) uniform Arguments {
    uvec2 q;       // f32
    uvec2 packed;
    uvec2 q_sequence_bytes;
    uint q_token_bytes, q_head_bytes;
    uint values;       // of a row
    uint rows;         // tokens * group
    uint packed_rows;  // rounded up to whole tiles
    uint group;        // heads per KV head
    float factor;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Input { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Packed { float v[]; };

void main() {
    uint blocks = (p.values + 31) / 32, row_floats = (blocks * 33 + 4) / 4 * 4;
    uint kv_head = gl_WorkGroupID.y, sequence = gl_WorkGroupID.z;
    for (uint row = gl_GlobalInvocationID.x; row < p.packed_rows; row += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint real = min(row, p.rows - 1), head = kv_head * p.group + real % p.group;
        Input q = Input(advance(advance(advance(p.q, sequence, p.q_sequence_bytes), real / p.group, p.q_token_bytes), head, p.q_head_bytes));
        Packed y = Packed(advance(p.packed, (sequence * gl_NumWorkGroups.y + kv_head) * p.packed_rows + row, row_floats * 4));
        float total = 0;
        for (uint b = 0; b < blocks; b++) {
            float sum = 0;
            for (uint i = b * 32; i < b * 32 + 32; i++) {
                float v = row < p.rows && i < p.values ? q.v[min(i, p.values - 1)] * p.factor : 0.0;
                y.v[i] = v;
                sum += v;
            }
            y.v[blocks * 32 + b] = sum;
            total += sum;
        }
        y.v[blocks * 33] = total;
    }
}
