// softmax(Q K^T + mask) V on a device whose subgroup is eight software lanes (lib/lane.glsl): online softmax in float32.
//
// One workgroup is one subgroup: ROWS rows of queries of one KV head over one of the splits of the cells they see. One loop
// walks over tiles of 8 cells: logits with lanes = cells (each value of K is loaded once for all rows, queries are scalar
// broadcasts), then results with lanes = values (each vector of V is loaded once for all rows), all accumulators in one
// place. Grid: x = tiles of rows, y = splits, z = sequence * kv heads + kv head.
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
#include "lib/attention_variant.glsl"

layout(local_size_x = LANES) in;

const uint V_VECTORS = V_HEAD / 8;

// Maximum and sum over the subgroup: lavapipe makes loops of the built-in ones, and one instruction of each shuffle.
float lanes_max(float v) {
    v = max(v, subgroupShuffleXor(v, 1));
    v = max(v, subgroupShuffleXor(v, 2));
    return max(v, subgroupShuffleXor(v, 4));
}
float lanes_sum(float v) {
    v += subgroupShuffleXor(v, 1);
    v += subgroupShuffleXor(v, 2);
    return v + subgroupShuffleXor(v, 4);
}

void main() {
    lane_init();
    levels_init();
    uint sequence = gl_WorkGroupID.z / p.kv_heads, kv_head = gl_WorkGroupID.z % p.kv_heads;
    uint row_0 = balanced(gl_WorkGroupID.x, gl_NumWorkGroups.x) * ROWS;
    Span span = Spans(p.spans).v[sequence];
    uvec2 q_base = query_rows(row_0);
    uvec2 k_base, v_base;
    if (K_PLACE == PLACE_BLOCKS)
        k_base = advance(advance(p.k, kv_head, p.k_head_bytes), span.first_cell, p.k_cell_bytes);
    else
        k_base = advance(p.k, (kv_head * p.capacity + span.first_cell) / 8, K_ROW_BYTES * 8);
    if (V_PLACE == PLACE_BLOCKS)
        v_base = advance(advance(p.v, kv_head, p.v_head_bytes), span.first_cell, p.v_cell_bytes);
    else
        v_base = advance(p.v, (kv_head * p.capacity + span.first_cell) / 8, V_ROW_BYTES * 8);

    Share share = share_of(span, row_0, 8);
    ivec2 seen[ROWS];
    Row variant[ROWS];
    uvec2 mask[ROWS];
    int own[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = min(row_0 + r, p.rows - 1), head = kv_head * GROUP + row % GROUP;
        seen[r] = share.any ? cells_seen(span, row) : ivec2(0, -1);
        own[r] = int(span.query_position + row / GROUP) - int(span.first_position);
        variant[r] = variant_row(head);
        mask[r] = MASK != 0 ? mask_row(sequence, head, row / GROUP) : uvec2(0);
    }
    uint last_cell = max(span.cells, 1u) - 1u;
    // Zero, but not to the compiler. Queries must not be taken for constants of the loop, whose hundreds of addresses it
    // would then keep on the stack; nor loads be gathered (tile_after).
    uint zero = gl_NumWorkGroups.z % p.kv_heads;

    float m[ROWS], l[ROWS], offset[ROWS], acc[ROWS][V_VECTORS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        m[r] = UNSEEN;
        l[r] = 0;
        offset[r] = 0;
        [[unroll]] for (uint c = 0; c < V_VECTORS; c++) acc[r][c] = 0;
    }

    uvec2 visible_tiles = MASK != 0 ? visible_words(sequence, kv_head, row_0 / ROWS, gl_NumWorkGroups.x) : uvec2(0);
    uint i = MASK != 0 ? min(next_visible(visible_tiles, share.begin), share.end - 1) : share.begin;
    do {
        Tile k = tile_open(k_base, i, K_ROW_BYTES, K_PLACE, p.k_cell_bytes, last_cell);
        Tile v = tile_open(v_base, i, V_ROW_BYTES, V_PLACE, p.v_cell_bytes, last_cell);
        Floats q = Floats(advance(q_base, i * zero));

        float s[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) s[r] = 0;
        [[unroll]] for (uint b = 0; b < K_BLOCKS; b++) {
            float t[ROWS][2];
            [[unroll]] for (uint r = 0; r < ROWS; r++) t[r][0] = t[r][1] = 0;
            if (b > 0) tile_after(k, K_CODING, K_PLACE, s[0], zero);
            KBlock block = k_open(k, b);
            [[unroll]] for (uint j = 0; j < K_STEPS; j++)
                if (b * 32 + j < K_HEAD) {
                    float x[4];
                    k_values(k, block, b, j, x);
                    [[unroll]] for (uint u = 0; u < K_PER_LOAD; u++) {
                        const uint e = b * 32 + j + u * K_STEPS, chain = K_PER_LOAD > 1 ? u % 2 : j % 2;
                        if (e < K_HEAD)
                            [[unroll]] for (uint r = 0; r < ROWS; r++)
                                t[r][chain] = fma(x[u], q.v[r * QUERY_FLOATS + e], t[r][chain]);
                    }
                }
            float d = 1, o = 0;
            if (K_SHARE == 32) {
                d = float(k_scale(k, b, 0));
                o = K_CODING == CODING_AFFINE ? float(k_scale(k, b, 1)) : d * -float(K_ZERO);
            }
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                float sum = K_HIGH_STAYS ? fma(t[r][1], 1.0 / 16, t[r][0]) : t[r][0] + t[r][1];
                s[r] = K_SHARE == 32 ? fma(d, sum, s[r]) : s[r] + sum;
                if (K_SHARE == 32 && (K_CODING == CODING_AFFINE || K_ZERO != 0))
                    s[r] = fma(o, q.v[r * QUERY_FLOATS + K_BLOCKS * 32 + b], s[r]);
            }
        }
        if (K_CODING >= CODING_SCALED && K_SHARE == 0) {
            float d = float(k_scale(k, 0, 0)), o = K_CODING == CODING_AFFINE ? float(k_scale(k, 0, 1)) : 0.0;
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                s[r] *= d;
                if (K_CODING == CODING_AFFINE) s[r] = fma(o, q.v[r * QUERY_FLOATS + K_BLOCKS * 33], s[r]);
            }
        }

        tile_after(v, V_CODING, V_PLACE, s[0], zero);
        float d = 1, o = 0;
        if (V_CODING >= CODING_SCALED && V_SHARE == 0) {
            d = v_row_scale(v, 0);
            if (V_CODING == CODING_AFFINE) o = v_row_scale(v, 1);
        }
        float weight[ROWS][8], fade[ROWS];
        int cell = int(i * 8 + lane);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float logit = variant_logit(s[r], variant[r], lane_mask(mask[r], i), float(cell - own[r]));
            bool visible = cell >= seen[r].x && cell <= seen[r].y && (MASK == 0 || logit > UNSEEN);
            logit = visible ? logit : UNSEEN;
            // Any bound of the logits serves as their maximum; of whole numbers, powers of two are cheap.
            float m_now = max(m[r], ceil(lanes_max(logit)));
            fade[r] = exp2_whole(m[r] - m_now);
            float e = exp2_below(logit - m_now);  // outside of the condition, which would become a branch
            e = visible ? e : 0.0;
            m[r] = m_now;
            l[r] = fma(l[r], fade[r], e);
            if (V_CODING == CODING_AFFINE && V_SHARE == 0) offset[r] = fma(offset[r], fade[r], e * o);
            if (V_CODING >= CODING_SCALED && V_SHARE == 0) e *= d;
            [[unroll]] for (uint j = 0; j < 8; j++) weight[r][j] = subgroupBroadcast(e, j);
        }

        [[unroll]] for (uint b = 0; b < V_BLOCKS; b++) {
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                [[unroll]] for (uint c = 0; c < 4; c++)
                    if (b * 4 + c < V_VECTORS) acc[r][b * 4 + c] *= fade[r];
            [[unroll]] for (uint j = 0; j < 8; j++) {
                float x[4];
                v_values(v, j, b, x);
                if (V_SHARE == 32) {
                    float scale = v_scale(v, j, b, 0), shift = scale * -float(V_ZERO);
                    if (V_CODING == CODING_AFFINE) shift = v_scale(v, j, b, 1);
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        x[c] = V_CODING == CODING_AFFINE || V_ZERO != 0 ? fma(x[c], scale, shift) : x[c] * scale;
                }
                [[unroll]] for (uint r = 0; r < ROWS; r++)
                    [[unroll]] for (uint c = 0; c < 4; c++)
                        if (b * 4 + c < V_VECTORS) acc[r][b * 4 + c] = fma(weight[r][j], x[c], acc[r][b * 4 + c]);
            }
        }
        i = MASK != 0 ? next_visible(visible_tiles, i + 1) : i + 1;
    } while (i < share.end);

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = row_0 + r;
        float sum = lanes_sum(l[r]), shift = V_CODING == CODING_AFFINE && V_SHARE == 0 ? lanes_sum(offset[r]) : 0.0;
        if (row < p.rows) {
            uint at = result_row(sequence, kv_head, row);
            if (DIRECT) {
                float factor = last_factor(m[r], sum, SINKS, SINKS ? variant_sink(kv_head * GROUP + row % GROUP) : 0.0);
                Output y = Output(advance(p.y, at, V_HEAD * 4));
                [[unroll]] for (uint c = 0; c < V_VECTORS; c++) y.v[c * 8 + lane] = (acc[r][c] + shift) * factor;
            } else {
                Output y = Output(advance(p.y, at * p.slots + p.first_slot + gl_WorkGroupID.y, (V_HEAD + 2) * 4));
                [[unroll]] for (uint c = 0; c < V_VECTORS; c++) y.v[2 + c * 8 + lane] = acc[r][c] + shift;
                if (lane < 2) y.v[lane] = lane == 0 ? m[r] : sum;
            }
        }
    }
}
