// What the attention kernels over K and V share: their arguments, which cells a row sees, and where results go.
//
// Rows of queries are (token, head) pairs of one KV head, row = token * GROUP + head in group. A cell is a place of the
// cache; a span says which cells of a segment a sequence has filled, and which positions its cells and queries have.

#include "lib/softmax.glsl"

layout(push_constant, scalar) uniform Arguments {
    uvec2 q;       // packed queries (attention_queries.comp), at the beginning of the scratch
    uvec2 k, v;    // one segment of the cache
    uvec2 y;       // f32 [sequence][token][head][V_HEAD], or partial results (lib/attention_combine.glsl)
    uvec2 mask;    // MASK: added to the logits; element (sequence, head, token, cell of the span) at the strides below
    uvec2 spans;   // a Span for each sequence
    uvec2 slopes;  // ALIBI: f32 for each head
    uvec2 sinks;   // SINKS: f32 for each head
    uint capacity;                            // cells per KV head, own layouts
    uint k_head_bytes, k_cell_bytes;          // PLACE_BLOCKS: strides
    uint v_head_bytes, v_cell_bytes;
    uint rows;                                // of a KV head: tokens * GROUP
    uint kv_heads;
    uint slots, first_slot;                   // partial results of a row; the first that this launch writes
    uint window;                              // positions a query sees, its own included; 0: all
    float softcap;                            // SOFTCAP, times log2(e)
    uint mask_token_bytes, mask_head_bytes, mask_sequence_bytes;
    uint visible, visible_words;  // MASK, lanes: bits of visible tiles from that many words after q on; words of a tile of rows
} p;

struct Span {
    uint cells;           // filled, from first_cell on
    uint first_cell;
    uint first_position;  // of the first cell; the others follow
    uint query_position;  // of the first token
};

layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Spans { Span v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Floats { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

const uint QUERY_FLOATS = (K_BLOCKS * 32u + K_BLOCKS + 4u) / 4u * 4u;  // of a packed row: values, sums over 32, their sum

// The first and the last cell of its span that a row sees; none where the last is less.
ivec2 cells_seen(Span span, uint row) {
    int last = int(span.cells) - 1, first = 0;
    int own = int(span.query_position + row / GROUP) - int(span.first_position);
    if (CAUSAL) last = min(last, own);
    if (p.window > 0u) first = max(first, own - int(p.window) + 1);
    return ivec2(first, last);
}

// A split's share of the tiles of `size` cells that any of the rows from row_0 on sees. One without a share looks at a tile
// and sees nothing.
struct Share {
    uint begin, end;
    bool any;
};
Share share_of(Span span, uint row_0, uint size) {
    int first = cells_seen(span, min(row_0, p.rows - 1)).x, last = cells_seen(span, min(row_0 + ROWS, p.rows) - 1).y;
    uint first_tile = uint(first) / size, tiles = last >= first ? uint(last) / size + 1 - first_tile : 0;
    uint part = (tiles + gl_NumWorkGroups.y - 1) / gl_NumWorkGroups.y;
    uint begin = gl_WorkGroupID.y * part, end = min(begin + part, tiles);
    return begin < end ? Share(first_tile + begin, first_tile + end, true) : Share(0, 1, false);
}

// Cheap and expensive tiles of a causal mask in turn: drivers that give threads contiguous ranges of workgroups then give
// each its share.
uint balanced(uint at, uint count) { return CAUSAL ? (at % 2u == 0u ? at / 2u : count - 1u - at / 2u) : at; }

uvec2 mask_row(uint sequence, uint head, uint token) {
    return advance(advance(advance(p.mask, sequence, p.mask_sequence_bytes), head, p.mask_head_bytes), token, p.mask_token_bytes);
}

// Packed queries of a tile of rows.
uvec2 query_rows(uint row_0) {
    return advance(p.q, gl_WorkGroupID.z * gl_NumWorkGroups.x * ROWS + row_0, QUERY_FLOATS * 4);
}

// A row's place among all of them: [sequence][token][head].
uint result_row(uint sequence, uint kv_head, uint row) {
    return (sequence * (p.rows / GROUP) + row / GROUP) * (p.kv_heads * GROUP) + kv_head * GROUP + row % GROUP;
}
