// K and V as the lanes kernels load them (lib/lane.glsl): K with lanes = positions, V with lanes = values.
//
// K and V of one tile of 8 cells are addressed by `Tile`: own layouts by the tile's address and constants, GGUF blocks by
// the address of each row.

layout(buffer_reference, scalar, buffer_reference_align = 1) readonly buffer Bytes { uint8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 1) readonly buffer SignedBytes { int8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) readonly buffer Halves { float16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) readonly buffer Shorts { uint16_t v[]; };

// Levels of codes: lane i holds levels i and i + 8, and a shuffle by the codes looks eight values up in one instruction.
float k_table[2], v_table[2];
void levels_init() {
    k_table[0] = lane_select(K_LEVEL_0, K_LEVEL_1, K_LEVEL_2, K_LEVEL_3, K_LEVEL_4, K_LEVEL_5, K_LEVEL_6, K_LEVEL_7);
    k_table[1] = lane_select(K_LEVEL_8, K_LEVEL_9, K_LEVEL_10, K_LEVEL_11, K_LEVEL_12, K_LEVEL_13, K_LEVEL_14, K_LEVEL_15);
    v_table[0] = lane_select(V_LEVEL_0, V_LEVEL_1, V_LEVEL_2, V_LEVEL_3, V_LEVEL_4, V_LEVEL_5, V_LEVEL_6, V_LEVEL_7);
    v_table[1] = lane_select(V_LEVEL_8, V_LEVEL_9, V_LEVEL_10, V_LEVEL_11, V_LEVEL_12, V_LEVEL_13, V_LEVEL_14, V_LEVEL_15);
}
float level_lookup(float table[2], uint bits, uint code) {
    float low = subgroupShuffle(table[0], code & 7u);
    if (bits < 4u) return low;
    float high = subgroupShuffle(table[1], code & 7u);
    return code > 7u ? high : low;
}

// A given mask's values for the cells of a tile.
float lane_mask(uvec2 row, uint tile) {
    if (MASK == 1) return float(LANE_LOAD(Halves(advance(row, tile, 16)).v, 0));
    return MASK == 2 ? LANE_LOAD(Floats(advance(row, tile, 32)).v, 0) : 0.0;
}

// With a given mask: a bit for each tile of cells, whether any row of a tile of rows sees it (attention_visible.comp).
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer VisibleTiles { uint v[]; };
uvec2 visible_words(uint sequence, uint kv_head, uint row_tile, uint row_tiles) {
    uint stack = sequence * p.kv_heads + (p.mask_head_bytes == 0 ? 0 : kv_head);
    return advance(advance(p.q, p.visible, 4), stack * row_tiles + row_tile, p.visible_words * 4);
}
// The next visible tile from `tile` on, or the first of another 32.
uint next_visible(uvec2 words, uint tile) {
    uint skipped = findLSB(VisibleTiles(words).v[tile / 32] >> (tile % 32));
    return tile + min(skipped, 32 - tile % 32);
}

struct Tile {
    uvec2 row[8];  // PLACE_BLOCKS: each cell's row; otherwise the tile, in the first
};

Tile tile_open(uvec2 base, uint tile, uint row_bytes, uint place, uint cell_bytes, uint last_cell) {
    Tile t;
    [[unroll]] for (uint i = 0; i < 8; i++)
        t.row[i] = place == PLACE_BLOCKS ? advance(base, min(tile * 8 + i, last_cell), cell_bytes)
                   : i == 0              ? advance(base, tile, row_bytes * 8)
                                         : uvec2(0);
    return t;
}

// Loads of plain numbers out of our own layouts wait until `value` is known. LLVM would move all of a tile's, their conversions
// and their products with Q to where the loop begins, and keep them on the stack until they are added up: 1.4 times the time
// for a prompt. Codes, and rows that lie apart, it leaves in place. `zero`: 0, unknown to the compiler.
void tile_after(inout Tile t, uint coding, uint place, float value, uint zero) {
    if (coding < CODING_SCALED && place != PLACE_BLOCKS)
        t.row[0] = advance(t.row[0], floatBitsToUint(subgroupBroadcast(value, 0)) & zero);
}

// Element `at` of the rows of eight cells: from `plane` on interleaved, or `stride` apart, or of a block in each row.
#define LANE_CELLS(Type, t, place, plane, stride, at, at_block)                                                             \
    if ((place) == PLACE_INTERLEAVED) return LANE_LOAD(Type(t.row[0]).v, (plane) + (at));                                   \
    if ((place) == PLACE_ROWS)                                                                                              \
        return lane_select(Type(t.row[0]).v[(plane) * 8 + (at)], Type(t.row[0]).v[(plane) * 8 + (stride) + (at)],           \
                           Type(t.row[0]).v[(plane) * 8 + 2 * (stride) + (at)], Type(t.row[0]).v[(plane) * 8 + 3 * (stride) + (at)],  \
                           Type(t.row[0]).v[(plane) * 8 + 4 * (stride) + (at)], Type(t.row[0]).v[(plane) * 8 + 5 * (stride) + (at)],  \
                           Type(t.row[0]).v[(plane) * 8 + 6 * (stride) + (at)], Type(t.row[0]).v[(plane) * 8 + 7 * (stride) + (at)]); \
    return lane_select(Type(t.row[0]).v[at_block], Type(t.row[1]).v[at_block], Type(t.row[2]).v[at_block],                  \
                       Type(t.row[3]).v[at_block], Type(t.row[4]).v[at_block], Type(t.row[5]).v[at_block],                  \
                       Type(t.row[6]).v[at_block], Type(t.row[7]).v[at_block]);

uint8_t k_low_byte(Tile t, uint at, uint at_block) { LANE_CELLS(Bytes, t, K_PLACE, 0, K_LOW_BYTES, at, at_block) }
int8_t k_signed_byte(Tile t, uint at, uint at_block) { LANE_CELLS(SignedBytes, t, K_PLACE, 0, K_LOW_BYTES, at, at_block) }
uint8_t k_high_byte(Tile t, uint at, uint at_block) { LANE_CELLS(Bytes, t, K_PLACE, K_LOW_BYTES, K_HIGH_BYTES, at, at_block) }
float16_t k_half(Tile t, uint at) { LANE_CELLS(Halves, t, K_PLACE, 0, K_HEAD, at, at) }
uint16_t k_short(Tile t, uint at) { LANE_CELLS(Shorts, t, K_PLACE, 0, K_HEAD, at, at) }
float k_float(Tile t, uint at) { LANE_CELLS(Floats, t, K_PLACE, 0, K_HEAD, at, at) }

// Scale (0) or offset (1) of block b, or of the row.
float16_t k_scale(Tile t, uint b, uint which) {
    const uint plane = (K_LOW_BYTES + K_HIGH_BYTES) / 2 + which * K_SCALES;
    const uint at_block = b * (BLOCK_BYTES(K_CODING, K_BITS) / 2) + which;
    LANE_CELLS(Halves, t, K_PLACE, plane, K_SCALES, b, at_block)
}

// High bits of value e of a block, given the block's bytes of them. GGUF's highest bits are in the values' order.
uint high_bits(uint h[8], uint bits, uint e, bool gguf) {
    if (HIGH_BITS(bits) == 2) return (h[e % 8] >> (e / 8 * 2)) & 3u;
    return gguf ? (h[e / 8] >> (e % 8)) & 1u : (h[e % 4] >> (e / 4)) & 1u;
}

const uint K_PER_LOAD = K_CODING < CODING_SCALED ? 1 : 8 / LOW_BITS(K_BITS);  // values
const uint K_STEPS = 32 / K_PER_LOAD;
// Codes in high nibbles stay there: no shift; their sum is divided by 16 once.
const bool K_HIGH_STAYS = K_CODING >= CODING_SCALED && K_CODING != CODING_LEVELS && K_BITS == 4;

struct KBlock {
    uint high[8];
};

KBlock k_open(Tile t, uint b) {
    KBlock block;
    const uint count = 4 * HIGH_BITS(K_BITS);
    [[unroll]] for (uint i = 0; i < 8; i++)
        block.high[i] = K_CODING >= CODING_SCALED && i < count
                            ? uint(k_high_byte(t, b * count + i, b * BLOCK_BYTES(K_CODING, K_BITS) + BLOCK_HIGH(K_CODING) + i))
                            : 0u;
    return block;
}

// Load j of block b: values j + l * K_STEPS, before scale and offset.
void k_values(Tile t, KBlock block, uint b, uint j, out float x[4]) {
    if (K_CODING == CODING_F32) {
        x[0] = k_float(t, b * 32 + j);
    } else if (K_CODING == CODING_F16) {
        x[0] = float(k_half(t, b * 32 + j));
    } else if (K_CODING == CODING_BF16) {
        x[0] = uintBitsToFloat(uint(k_short(t, b * 32 + j)) << 16);
    } else {
        const uint at = b * 4 * LOW_BITS(K_BITS) + j;
        const uint at_block = b * BLOCK_BYTES(K_CODING, K_BITS) + BLOCK_LOW(K_CODING, K_BITS) + j;
        if (K_BITS == 8) {
            x[0] = float(int(k_signed_byte(t, at, at_block)));
        } else {
            const uint low = uint(k_low_byte(t, at, at_block));
            [[unroll]] for (uint l = 0; l < K_PER_LOAD; l++) {
                uint code = K_HIGH_STAYS && l == 1 ? low & 240u : (low >> (l * LOW_BITS(K_BITS))) & ((1u << LOW_BITS(K_BITS)) - 1u);
                if (HIGH_BITS(K_BITS) > 0)
                    code |= high_bits(block.high, K_BITS, j + l * K_STEPS, K_PLACE == PLACE_BLOCKS) << LOW_BITS(K_BITS);
                x[l] = K_CODING == CODING_LEVELS ? level_lookup(k_table, K_BITS, code) : float(int(code));
            }
        }
    }
}

// Vector c (8 values) of a row of V in memory, from index `at` of `plane` on, `stride` between rows.
#define V_BASE(t, j) (V_PLACE == PLACE_BLOCKS ? t.row[j] : t.row[0])
#define V_INDEX(j, plane, stride, at, at_block) (V_PLACE == PLACE_BLOCKS ? (at_block) : (plane) * 8 + (j) * (stride) + (at))

// Scale (0) or offset (1) of block b of cell j: uniform.
float v_scale(Tile t, uint j, uint b, uint which) {
    const uint at = V_INDEX(j, (V_LOW_BYTES + V_HIGH_BYTES) / 2 + which * V_SCALES, V_SCALES, b,
                            b * (BLOCK_BYTES(V_CODING, V_BITS) / 2) + which);
    return float(Halves(V_BASE(t, j)).v[at]);
}
// The same of the rows of all cells, lanes = cells; for V_SHARE == 0.
float v_row_scale(Tile t, uint which) {
    const uint at = ((V_LOW_BYTES + V_HIGH_BYTES) / 2 + which) * 8;
    return float(LANE_RUN(Halves(t.row[0]).v, at));
}

// The 32 values of block b of cell j, 8 to a vector, before scale and offset; past V_HEAD undefined.
void v_values(Tile t, uint j, uint b, out float x[4]) {
    const uint base = b * 32;
    if (V_CODING < CODING_SCALED) {
        [[unroll]] for (uint c = 0; c < 4; c++)
            if (base + c * 8 < V_HEAD) {
                const uint at = V_INDEX(j, 0, V_STORED, base + c * 8, base + c * 8);
                if (V_CODING == CODING_F32)
                    x[c] = LANE_RUN(Floats(V_BASE(t, j)).v, at);
                else if (V_CODING == CODING_F16)
                    x[c] = float(LANE_RUN(Halves(V_BASE(t, j)).v, at));
                else
                    x[c] = uintBitsToFloat(uint(LANE_RUN(Shorts(V_BASE(t, j)).v, at)) << 16);
            }
        return;
    }
    const uint count = 4 * LOW_BITS(V_BITS);  // bytes
    const uint at = V_INDEX(j, 0, V_LOW_BYTES, b * count, b * BLOCK_BYTES(V_CODING, V_BITS) + BLOCK_LOW(V_CODING, V_BITS));
    if (V_BITS == 8) {
        [[unroll]] for (uint c = 0; c < 4; c++)
            if (base + c * 8 < V_HEAD) x[c] = float(int(LANE_RUN(SignedBytes(V_BASE(t, j)).v, at + c * 8)));
        return;
    }
    uint low[2];
    low[0] = uint(LANE_RUN(Bytes(V_BASE(t, j)).v, at));
    low[1] = LOW_BITS(V_BITS) == 4 ? uint(LANE_RUN(Bytes(V_BASE(t, j)).v, at + 8)) : 0u;
    const uint high_at = V_INDEX(j, V_LOW_BYTES, V_HIGH_BYTES, b * 4 * HIGH_BITS(V_BITS),
                                 b * BLOCK_BYTES(V_CODING, V_BITS) + BLOCK_HIGH(V_CODING));
    uint high = 0;
    if (HIGH_BITS(V_BITS) == 2) high = uint(LANE_RUN(Bytes(V_BASE(t, j)).v, high_at));
    if (HIGH_BITS(V_BITS) == 1)
        high = uint(Shorts(V_BASE(t, j)).v[high_at / 2]) | (uint(Shorts(V_BASE(t, j)).v[high_at / 2 + 1]) << 16);
    [[unroll]] for (uint c = 0; c < 4; c++)
        if (base + c * 8 < V_HEAD) {
            uint code = LOW_BITS(V_BITS) == 4 ? (c < 2 ? low[c] & 15u : low[c - 2] >> 4) : (low[0] >> (2 * c)) & 3u;
            if (HIGH_BITS(V_BITS) == 2) code |= ((high >> (2 * c)) & 3u) << 4;
            if (HIGH_BITS(V_BITS) == 1)
                code |= ((high >> (V_PLACE == PLACE_BLOCKS ? lane + 8 * c : (lane & 3u) * 8 + (lane >> 2) + 2 * c)) & 1u)
                        << LOW_BITS(V_BITS);
            x[c] = V_CODING == CODING_LEVELS ? level_lookup(v_table, V_BITS, code) : float(int(code));
        }
}
