// Which tiles of 8 cells a given mask leaves visible to any row of a tile of rows: a bit each, by which attention_lanes.comp
// finds its next tile without a branch around its loop's body.
//
// Takes attention_lanes.comp's arguments and constants. Output: at p.visible words from p.q, uint [sequence][kv head][tile of
// rows][p.visible_words], bit t of word w for cells 8 (32 w + t) and on of the span; where all heads share a mask, of the first
// KV head alone. One workgroup is one subgroup and makes one word, and those a grid's height further on. Grid: x = tiles of
// rows, y = words as far as the device's limit allows, z = sequences, times KV heads where each head has a mask of its own.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "lib/common.glsl"
#include "lib/cache_format.glsl"
#include "lib/attention_constants.glsl"
#include "lib/attention.glsl"
#include "lib/lane.glsl"
#include "lib/attention_lanes.glsl"

layout(local_size_x = LANES) in;

const float LEAST_FLOAT = -3.402823466e38;

void main() {
    lane_init();
    uint heads = p.mask_head_bytes == 0 ? 1 : p.kv_heads;
    uint sequence = gl_WorkGroupID.z / heads, kv_head = gl_WorkGroupID.z % heads, row_0 = gl_WorkGroupID.x * ROWS;
    uint cells = Spans(p.spans).v[sequence].cells, last_tile = (max(cells, 1) - 1) / 8;
    uvec2 mask[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = min(row_0 + r, p.rows - 1);
        mask[r] = mask_row(sequence, kv_head * GROUP + row % GROUP, row / GROUP);
    }
    uvec2 visible = visible_words(sequence, kv_head, gl_WorkGroupID.x, gl_NumWorkGroups.x);
    uint words = (p.visible_words - gl_WorkGroupID.y + gl_NumWorkGroups.y - 1) / gl_NumWorkGroups.y, bits = 0, t = 0;
    do {
        uint word = gl_WorkGroupID.y + t / 32 * gl_NumWorkGroups.y, near = t % 32, tile = word * 32 + near;
        bool any = false;
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            bool sees = lane_mask(mask[r], min(tile, last_tile)) >= LEAST_FLOAT;  // outside of ||, which would be a branch
            any = any || sees;
        }
        bits = (near == 0 ? 0u : bits) | (any && tile * 8 + lane < cells ? 1u << near : 0u);
        if (near == 31) {
            uint all = bits | subgroupShuffleXor(bits, 1);
            all |= subgroupShuffleXor(all, 2);
            all |= subgroupShuffleXor(all, 4);
            if (lane == 0) VisibleTiles(visible).v[word] = all;
        }
        t++;
    } while (t < words * 32);
}
