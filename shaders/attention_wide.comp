// softmax(Q K^T + mask) V on devices with wide subgroups and fast shared memory: online softmax in float32.
//
// One workgroup: ROWS rows of queries of one KV head over one of the splits of the cells they see, in tiles of TILE cells.
// K and then V of a tile are dequantized once into shared memory, CHUNK blocks of 32 values at a time. For logits an
// invocation has one cell and some rows, for results four values and some rows: each value read from shared memory serves
// all of them. Grid: x = tiles of rows, y = splits, z = sequence * kv heads + kv head. TILE and 8 * CHUNK divide THREADS.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/cache_format.glsl"
#include "lib/attention_constants.glsl"
#include "lib/attention.glsl"
#include "lib/attention_wide.glsl"
#include "lib/attention_variant.glsl"

layout(local_size_x_id = 22) in;

const uint CHUNK = 2, VECTORS = CHUNK * 8, STRIDE = VECTORS + 1;
const uint K_CHUNKS = (K_BLOCKS + CHUNK - 1) / CHUNK, V_CHUNKS = (V_BLOCKS + CHUNK - 1) / CHUNK;
const uint Q_VECTORS = K_BLOCKS * 8;
const uint K_ROWS = (ROWS * TILE + THREADS - 1) / THREADS;     // of an invocation
const uint V_ROWS = (ROWS * VECTORS + THREADS - 1) / THREADS;  // of an invocation

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Queries { vec4 v[]; };

shared vec4 q_tile[ROWS * Q_VECTORS];
shared vec4 cells[TILE * STRIDE];  // [cell][value], a vec4 more than needed against bank conflicts
shared float logits[ROWS * TILE], weights[ROWS * TILE];
shared float m_old[ROWS], m_now[ROWS], fades[ROWS], sums[ROWS];
shared uint seen_any;

struct Cells {
    uvec2 base;
    uint rows, row_0;  // of planes: rows in all, and the first cell's
};

Cells cells_open(uvec2 base, uint place, uint kv_head, Span span, uint head_bytes, uint cell_bytes) {
    if (place == PLACE_BLOCKS) return Cells(advance(advance(base, kv_head, head_bytes), span.first_cell, cell_bytes), 0, 0);
    return Cells(base, p.kv_heads * p.capacity, kv_head * p.capacity + span.first_cell);
}

// Slices of a chunk of a tile, one after the other to neighbouring invocations.
#define LOAD_CHUNK(side, slice_side, PLACE, BLOCK_COUNT, LOW, HIGH, SCALE_COUNT, cell_bytes, chunk)                            \
    for (uint at = gl_LocalInvocationIndex; at < TILE * CHUNK * 4; at += THREADS) {                                          \
        uint s = at % 4, b = at / 4 % CHUNK, near = at / (4 * CHUNK), block = (chunk) * CHUNK + b;                              \
        vec4 low = vec4(0), high = vec4(0);                                                                                  \
        if (block < BLOCK_COUNT) {                                                                                           \
            uint cell = min(i * TILE + near, last_cell), row = side.row_0 + cell;                                               \
            uvec2 base = PLACE == PLACE_BLOCKS ? advance(side.base, cell, cell_bytes) : side.base;                           \
            slice_side(row_open(base, PLACE, side.rows, row, LOW, HIGH, SCALE_COUNT), row, block, s, low, high);             \
        }                                                                                                                    \
        cells[near * STRIDE + b * 8 + s] = low;                                                                                 \
        cells[near * STRIDE + b * 8 + 4 + s] = high;                                                                            \
    }

float given_mask(uvec2 row, uint cell) {
    if (MASK == 1) {
        uint word = Words(uvec2(row.x & ~3u, row.y)).v[(cell * 2 + (row.x & 3u)) >> 2];
        return widen_half(((cell * 2 + row.x) & 2u) != 0u ? word >> 16 : word & 65535u);
    }
    return MASK == 2 ? Floats(row).v[cell] : 0.0;
}

void main() {
    uint sequence = gl_WorkGroupID.z / p.kv_heads, kv_head = gl_WorkGroupID.z % p.kv_heads, me = gl_LocalInvocationIndex;
    uint row_0 = balanced(gl_WorkGroupID.x, gl_NumWorkGroups.x) * ROWS;
    Span span = Spans(p.spans).v[sequence];
    Share share = share_of(span, row_0, TILE);
    uint last_cell = max(span.cells, 1u) - 1u;
    Cells k = cells_open(p.k, K_PLACE, kv_head, span, p.k_head_bytes, p.k_cell_bytes);
    Cells v = cells_open(p.v, V_PLACE, kv_head, span, p.v_head_bytes, p.v_cell_bytes);

    uvec2 q_base = query_rows(row_0);
    for (uint at = me; at < ROWS * Q_VECTORS; at += THREADS)
        q_tile[at] = Queries(advance(q_base, at / Q_VECTORS, QUERY_FLOATS * 4)).v[at % Q_VECTORS];
    if (me < ROWS) {
        m_old[me] = UNSEEN;
        sums[me] = 0;
    }
    if (me < 16 && K_CODING == CODING_LEVELS) k_levels[me] = LEVELS(K_LEVEL_)[me];
    if (me < 16 && V_CODING == CODING_LEVELS) v_levels[me] = LEVELS(V_LEVEL_)[me];

    uint my_cell = me % TILE, k_row = me / TILE, my_vector = me % VECTORS, v_row = me / VECTORS;
    vec4 acc[V_CHUNKS][V_ROWS];
    [[unroll]] for (uint c = 0; c < V_CHUNKS; c++)
        [[unroll]] for (uint r = 0; r < V_ROWS; r++) acc[c][r] = vec4(0);

    for (uint i = share.begin; i < share.end; i++) {
        uint cell = i * TILE + my_cell;
        bool visible[K_ROWS];
        float given[K_ROWS];
        if (MASK != 0) {
            if (me == 0) seen_any = 0;
            barrier();
        }
        [[unroll]] for (uint r = 0; r < K_ROWS; r++) {
            uint row = row_0 + k_row + r * (THREADS / TILE);
            ivec2 seen = cells_seen(span, min(row, p.rows - 1));
            visible[r] = share.any && row < p.rows && k_row + r * (THREADS / TILE) < ROWS && int(cell) >= seen.x && int(cell) <= seen.y;
            given[r] = 0;
            if (MASK != 0 && visible[r]) {
                given[r] = given_mask(mask_row(sequence, kv_head * GROUP + row % GROUP, row / GROUP), cell);
                visible[r] = given[r] > UNSEEN;
                if (visible[r]) seen_any = 1;
            }
        }
        if (MASK != 0) {
            barrier();
            bool skip = seen_any == 0;
            barrier();
            if (skip) continue;
        }

        float s[K_ROWS];
        [[unroll]] for (uint r = 0; r < K_ROWS; r++) s[r] = 0;
        for (uint c = 0; c < K_CHUNKS; c++) {
            barrier();
            LOAD_CHUNK(k, slice_k, K_PLACE, K_BLOCKS, K_LOW_BYTES, K_HIGH_BYTES, K_SCALES, p.k_cell_bytes, c)
            barrier();
            uint count = min(VECTORS, Q_VECTORS - c * VECTORS);
            for (uint x = 0; x < count; x++) {
                vec4 value = cells[my_cell * STRIDE + x];
                [[unroll]] for (uint r = 0; r < K_ROWS; r++)
                    s[r] += dot(q_tile[min(k_row + r * (THREADS / TILE), ROWS - 1) * Q_VECTORS + c * VECTORS + x], value);
            }
        }
        [[unroll]] for (uint r = 0; r < K_ROWS; r++) {
            uint at = k_row + r * (THREADS / TILE), row = min(row_0 + at, p.rows - 1);
            float distance = float(int(span.first_position + cell) - int(span.query_position + row / GROUP));
            float logit = variant_logit(s[r], variant_row(kv_head * GROUP + row % GROUP), given[r], distance);
            if (at < ROWS) logits[at * TILE + my_cell] = visible[r] ? logit : UNSEEN;
        }
        barrier();
        [[unroll]] for (uint r = 0; r < K_ROWS; r++) {
            uint at = k_row + r * (THREADS / TILE);
            if (at < ROWS) {
                float m = m_old[at];
                for (uint c = 0; c < TILE; c++) m = max(m, logits[at * TILE + c]);
                weights[at * TILE + my_cell] = visible[r] ? exp2(logits[at * TILE + my_cell] - m) : 0.0;
                if (my_cell == 0) {
                    m_now[at] = m;
                    fades[at] = exp2(m_old[at] - m);
                }
            }
        }
        barrier();
        for (uint at = me; at < ROWS; at += THREADS) {
            float sum = sums[at] * fades[at];
            for (uint c = 0; c < TILE; c++) sum += weights[at * TILE + c];
            sums[at] = sum;
            m_old[at] = m_now[at];
        }
        [[unroll]] for (uint c = 0; c < V_CHUNKS; c++) {
            if (c > 0) barrier();
            LOAD_CHUNK(v, slice_v, V_PLACE, V_BLOCKS, V_LOW_BYTES, V_HIGH_BYTES, V_SCALES, p.v_cell_bytes, c)
            barrier();
            [[unroll]] for (uint r = 0; r < V_ROWS; r++) acc[c][r] *= fades[min(v_row + r * (THREADS / VECTORS), ROWS - 1)];
            for (uint j = 0; j < TILE; j++) {
                vec4 value = cells[j * STRIDE + my_vector];
                [[unroll]] for (uint r = 0; r < V_ROWS; r++)
                    acc[c][r] += weights[min(v_row + r * (THREADS / VECTORS), ROWS - 1) * TILE + j] * value;
            }
        }
    }

    barrier();
    [[unroll]] for (uint r = 0; r < V_ROWS; r++) {
        uint at = v_row + r * (THREADS / VECTORS), row = row_0 + at;
        if (at < ROWS && row < p.rows) {
            uint place = result_row(sequence, kv_head, row);
            float m = m_old[at], sum = sums[at];
            float factor = DIRECT ? last_factor(m, sum, SINKS, SINKS ? variant_sink(kv_head * GROUP + row % GROUP) : 0.0) : 1.0;
            Output y = Output(DIRECT ? advance(p.y, place, V_HEAD * 4)
                                     : advance(p.y, place * p.slots + p.first_slot + gl_WorkGroupID.y, (V_HEAD + 2) * 4));
            uint skip = DIRECT ? 0 : 2;
            [[unroll]] for (uint c = 0; c < V_CHUNKS; c++)
                [[unroll]] for (uint x = 0; x < 4; x++) {
                    uint value = (c * VECTORS + my_vector) * 4 + x;
                    if (value < V_HEAD) y.v[skip + value] = acc[c][r][x] * factor;
                }
            if (!DIRECT && my_vector < 2) y.v[my_vector] = my_vector == 0 ? m : sum;
        }
    }
}
