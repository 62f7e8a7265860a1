// Products by expert (matmul_id). A pair is a token and one of its slots, counted token by token; its expert is the id the table
// of ids has there. A tile is some pairs of one expert: its weights are read once for all of them. Grid: y = tiles.
//
// Strides of x and y mean tokens where plain products have batches, and slots where those have tokens. A pair whose id is no
// expert gets zeros. Weights may be spread over buffers: a workgroup whose expert is in another one has nothing to do.
#define EXPERTS_DIRECT 1  // every tile is one pair; its expert is looked up in the ids
#define EXPERTS_LISTED 2  // tiles of expert_lists.comp
layout(constant_id = BY_EXPERT_ID) const uint BY_EXPERT = 0;  // 0: a plain product

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer ExpertWords { uint v[]; };

const uint TILE_HEAD = 3;  // words of a tile before its pairs: expert, pairs, place of its packed activations
uint tile_expert, tile_pairs, tile_place, tile_index;
uvec2 tile_order;  // where its pairs are

// `at`: the ids, rows of `used` at multiples of `ids_stride`; or tiles of `width` pairs.
void expert_tile_open(uvec2 at, uint tile, uint used, uint ids_stride, uint width) {
    tile_index = tile;
    if (BY_EXPERT == EXPERTS_DIRECT) {
        tile_expert = ExpertWords(advance(at, tile / used, ids_stride * 4)).v[tile % used];
        tile_pairs = 1;
        tile_place = tile;
    } else {
        ExpertWords head = ExpertWords(advance(at, tile, (TILE_HEAD + width) * 4));
        tile_expert = head.v[0];
        tile_pairs = head.v[1];
        tile_place = head.v[2];
        tile_order = advance(uvec2(head), TILE_HEAD * 4);
    }
}

// Whether a launch with the weights of `here` experts from `first` on has to compute the tile.
bool expert_tile_here(uint experts, uint first, uint here) {
    return tile_expert < experts ? tile_expert - first < here : first == 0;
}

// The row of x or y of the tile's i-th pair.
uvec2 pair_row(uvec2 base, uint i, uint used, uvec2 token_bytes, uint slot_floats) {
    uint pair = BY_EXPERT == EXPERTS_DIRECT ? tile_index : ExpertWords(tile_order).v[i];
    return advance(advance(base, pair / used, token_bytes), pair % used, slot_floats * 4);
}
