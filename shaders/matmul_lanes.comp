// y[t][r] = sum_k w[r][k] * x[t][k] on a device whose subgroup is eight software lanes (see lib/lane.glsl).
//
// Weights: the `lanes` layout (tiles of 8 rows, interleaved; backend/layout.hpp). Activations: packed by
// pack_activations.comp into token tiles of TOKENS. One workgroup is one subgroup: it computes 8 * ROW_TILES rows x TOKENS
// tokens over all of K in registers, lanes = rows, so no reduction, shared memory or barrier is needed, and every activation
// is a scalar broadcast from memory. Grid: x = row tiles (fastest: neighbours share the activation tile), y = token tiles,
// z = batches. By expert: lib/experts.glsl.
// FACTORED: multiply codes by activations first and by the group's scale once per group; pays with one or two tokens.
// Otherwise each weight is dequantized once and used for all tokens of the tile.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/lane.glsl"

layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint ROW_TILES = 1;  // tiles of 8 rows per workgroup
layout(constant_id = 1) const uint TOKENS = 1;     // tokens per workgroup
layout(constant_id = 2) const uint UNROLL = 1;     // groups of 32 K per loop iteration; divides the number of groups
layout(constant_id = 3) const bool FACTORED = false;
layout(constant_id = 4) const uint SUMS = 1;  // accumulators per sum inside a group

#include "format.glsl"
#include "lib/lane_sums.glsl"
const uint STEPS = 32 / LANE_CODES;  // of a group

layout(push_constant, scalar) uniform Arguments {
    uvec2 w;              // weights, lanes layout
    uvec2 x;              // packed activations: [batch][tile][group]{ float v[32][TOKENS]; float sum[2][TOKENS]; }
    uvec2 y;              // f32 destination
    uint rows;            // M
    uint tokens;          // N
    uint groups;          // K / 32, rounded up
    uint y_stride;        // floats between tokens of y
    uvec2 y_batch_bytes;  // bytes between batches of y
    uvec2 w_batch_bytes;  // bytes between batches of w
    uint w_share;         // batches of x that share one batch of w; by expert: slots of a token
    uint first_group;     // added to the workgroup's x: devices limit the grid
    uvec2 experts_at;     // by expert: the ids, or the tiles
    uint experts;         // by expert: of the whole stack
    uint first_expert;    // by expert: the one w begins with
    uint here_experts;    // by expert: in w
    uint ids_stride;      // by expert: ids between tokens
} p;
#define BY_EXPERT_ID 5
#include "lib/experts.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Activations { float v[1024]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

const uint GROUP_FLOATS = 34 * TOKENS;

void main() {
    lane_init();
    uint tiles = (p.rows + LANES - 1) / LANES;
    uint tile_0 = (p.first_group + gl_WorkGroupID.x) * ROW_TILES, token_0 = gl_WorkGroupID.y * TOKENS, batch = gl_WorkGroupID.z;
    uint matrix = batch / p.w_share, tokens = p.tokens;
    uvec2 x_base = advance(p.x, batch * gl_NumWorkGroups.y + gl_WorkGroupID.y, p.groups * GROUP_FLOATS * 4);
    if (BY_EXPERT != 0) {
        expert_tile_open(p.experts_at, gl_WorkGroupID.y, p.w_share, p.ids_stride, TOKENS);
        if (!expert_tile_here(p.experts, p.first_expert, p.here_experts)) return;
        matrix = min(tile_expert - p.first_expert, p.here_experts - 1);
        tokens = tile_pairs;
        token_0 = 0;
        x_base = advance(p.x, tile_place, p.groups * 34 * 4);
    }
    uvec2 w_base = advance(p.w, matrix, p.w_batch_bytes);
    Tile w[ROW_TILES];
    [[unroll]] for (uint r = 0; r < ROW_TILES; r++)
        w[r] = tile_open(advance(w_base, min(tile_0 + r, tiles - 1), TILE_BYTES(p.groups)), p.groups);

    float acc[ROW_TILES][TOKENS];
    [[unroll]] for (uint r = 0; r < ROW_TILES; r++)
        [[unroll]] for (uint t = 0; t < TOKENS; t++) acc[r][t] = 0;

    uint i = 0;
    do {
        [[unroll]] for (uint u = 0; u < UNROLL; u++) {
            uint g = i + u;
            Activations x = Activations(advance(x_base, g * GROUP_FLOATS * 4));
#if GROUP_SCALES > 0
            float d[ROW_TILES][GROUP_SCALES], m[ROW_TILES][GROUP_SCALES];
            [[unroll]] for (uint r = 0; r < ROW_TILES; r++) lane_scales(w[r], g, d[r], m[r]);
            if (FACTORED) {
                float s[ROW_TILES][TOKENS][LANE_SUMS][SUMS];
                [[unroll]] for (uint r = 0; r < ROW_TILES; r++)
                    [[unroll]] for (uint t = 0; t < TOKENS; t++)
                        [[unroll]] for (uint l = 0; l < LANE_SUMS; l++)
                            [[unroll]] for (uint a = 0; a < SUMS; a++) s[r][t][l][a] = 0;
                [[unroll]] for (uint j = 0; j < STEPS; j++)
                    [[unroll]] for (uint r = 0; r < ROW_TILES; r++) {
                        float c[LANE_CODES];
                        lane_codes(w[r], g, j, c);
                        [[unroll]] for (uint l = 0; l < LANE_CODES; l++) {
                            uint n = code_sum(j, l);
                            [[unroll]] for (uint t = 0; t < TOKENS; t++)
                                s[r][t][n][j % SUMS] = fma(c[l], x.v[lane_element(j, l) * TOKENS + t], s[r][t][n][j % SUMS]);
                        }
                    }
                [[unroll]] for (uint r = 0; r < ROW_TILES; r++)
                    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
                        [[unroll]] for (uint h = 0; h < GROUP_SCALES; h++) {
                            float total = 0;
                            [[unroll]] for (uint l = 0; l < LANE_SUMS; l++)
                                if (l * GROUP_SCALES / LANE_SUMS == h) {
                                    float part = s[r][t][l][0];
                                    [[unroll]] for (uint a = 1; a < SUMS; a++) part += s[r][t][l][a];
                                    total = fma(part, sum_unit(l), total);
                                }
                            acc[r][t] = fma(d[r][h], total, acc[r][t]);
#ifdef GROUP_OFFSET
                            float sum = GROUP_SCALES == 2 ? x.v[(32 + h) * TOKENS + t]
                                                          : x.v[32 * TOKENS + t] + x.v[33 * TOKENS + t];
                            acc[r][t] = fma(m[r][h], sum, acc[r][t]);
#endif
                        }
                    }
            } else
#endif
            {
                [[unroll]] for (uint j = 0; j < STEPS; j++)
                    [[unroll]] for (uint r = 0; r < ROW_TILES; r++) {
                        float c[LANE_CODES];
                        lane_codes(w[r], g, j, c);
                        [[unroll]] for (uint l = 0; l < LANE_CODES; l++) {
                            uint k = lane_element(j, l), h = k * GROUP_SCALES / 32;
#if GROUP_SCALES == 0
                            float value = c[l];
#elif defined(GROUP_OFFSET)
                            float value = fma(c[l], d[r][h] * code_unit(l), m[r][h]);
#else
                            float value = c[l] * (d[r][h] * code_unit(l));
#endif
                            [[unroll]] for (uint t = 0; t < TOKENS; t++)
                                acc[r][t] = fma(value, x.v[k * TOKENS + t], acc[r][t]);
                        }
                    }
            }
        }
        i += UNROLL;
    } while (i < p.groups);

    uvec2 y_base = advance(p.y, batch, p.y_batch_bytes);
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        if (token_0 + t < tokens) {
            Output y = Output(BY_EXPERT != 0 ? pair_row(p.y, t, p.w_share, p.y_batch_bytes, p.y_stride)
                                             : advance(y_base, token_0 + t, p.y_stride * 4));
            [[unroll]] for (uint r = 0; r < ROW_TILES; r++) {
                uint row = (tile_0 + r) * LANES + lane;
                if (row < p.rows) y.v[row] = BY_EXPERT == 0 || tile_expert < p.experts ? acc[r][t] : 0.0;
            }
        }
    }
}
