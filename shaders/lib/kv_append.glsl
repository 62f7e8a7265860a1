// Quantizes rows of K or V into a cache: rotary positions, rotation, codes, scales, and the places of a CacheLayout.
//
// One workgroup takes one row: token gl_WorkGroupID.x, KV head gl_WorkGroupID.y, HEAD values in shared memory. What it does is
// backend/kv/row_codec.cpp, sums over the same trees, so both give the same bits wherever the device divides and takes square
// roots as IEEE 754 asks. BYTE_STORES: codes are stored by bytes, scales by halves; otherwise by whole words where a row owns
// them, and by atomic operations on the shared ones.
#include "lib/wide.glsl"
#include "lib/convert.glsl"
#include "lib/head.glsl"
#include "lib/cache_format.glsl"

layout(constant_id = 6) const uint CODING = 1;
layout(constant_id = 7) const uint BITS = 16;
layout(constant_id = 8) const uint ZERO = 0;    // the code of 0, `scaled` with unsigned codes
layout(constant_id = 9) const uint SHARE = 0;   // values that share a scale: 32, or 0 for the row
layout(constant_id = 10) const uint PLACE = 2;  // 0 granules of eight cells interleaved, 1 rows in tiles of eight, 2 planes
layout(constant_id = 11) const uint TREE = 64;     // half a group's values, rounded up to a power of two
layout(constant_id = 12) const uint SEGMENTS = 1;  // groups that share a scale
// The levels of codes, ascending; of own affine formats the eight parts of the range to try.
layout(constant_id = 13) const float LEVEL_0 = 0;
layout(constant_id = 14) const float LEVEL_1 = 0;
layout(constant_id = 15) const float LEVEL_2 = 0;
layout(constant_id = 16) const float LEVEL_3 = 0;
layout(constant_id = 17) const float LEVEL_4 = 0;
layout(constant_id = 18) const float LEVEL_5 = 0;
layout(constant_id = 19) const float LEVEL_6 = 0;
layout(constant_id = 20) const float LEVEL_7 = 0;
layout(constant_id = 21) const float LEVEL_8 = 0;
layout(constant_id = 22) const float LEVEL_9 = 0;
layout(constant_id = 23) const float LEVEL_10 = 0;
layout(constant_id = 24) const float LEVEL_11 = 0;
layout(constant_id = 25) const float LEVEL_12 = 0;
layout(constant_id = 26) const float LEVEL_13 = 0;
layout(constant_id = 27) const float LEVEL_14 = 0;
layout(constant_id = 28) const float LEVEL_15 = 0;
layout(constant_id = 29) const float HEAD_ROOT = 1;  // sqrt(HEAD)

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;              // rows, f32 or f16
    uvec2 cache;          // one side of one layer
    uvec2 cells;          // uint for each token
    uvec2 positions;      // int for each token, with ROPE
    uvec2 turns;          // uvec2 for each pair, with ROPE
    uint token_bytes;     // between tokens of x
    uint head_bytes;      // between heads of x
    uint kv_heads;
    uint capacity;        // cells per KV head, a multiple of 8
    uint rope_dims;
    float rope_magnitude;
} p;

const uint LOW = LOW_BYTES(CODING, BITS, HEAD), HIGH = HIGH_BYTES(CODING, BITS, HEAD);
const uint GROUPS = SCALES(CODING, SHARE, HEAD), ROW = ROW_BYTES(CODING, BITS, SHARE, HEAD);
const uint GROUP = SHARE == 0u ? HEAD : SHARE;
#define MOST float((1u << BITS) - 1u)

shared vec4 tree[SEGMENTS * TREE];
// Of each group: what codes are computed with, and what is stored.
shared float code_factor[SEGMENTS], code_offset[SEGMENTS];
shared uint stored_scale[SEGMENTS], stored_offset[SEGMENTS];
// Scale and offset as they would be stored, and the inverse scale, for each part of the range.
shared vec3 trial[8];

// tree[g * TREE] = the sum (or the maximum) over the values of group g of term, an expression in `at`, the value's index. What
// is 2^k apart is joined, from the largest k down. Values past the group's end count as `rest`.
#define JOIN_TREE(term, rest, JOIN)                              \
    {                                                            \
        EACH(t, SEGMENTS * TREE) {                               \
            uint i = t % TREE, at = t / TREE * GROUP + i;        \
            precise vec4 a = i < GROUP ? term : rest;            \
            at += TREE;                                          \
            precise vec4 b = i + TREE < GROUP ? term : rest;     \
            tree[t] = JOIN(a, b);                                \
        }                                                        \
        sync();                                                  \
        for (uint stride = TREE / 2; stride > 0; stride /= 2) {  \
            EACH(t, SEGMENTS * stride) {                         \
                uint at = t / stride * TREE + t % stride;        \
                tree[at] = JOIN(tree[at], tree[at + stride]);    \
            }                                                    \
            sync();                                              \
        }                                                        \
    }
vec4 add(vec4 a, vec4 b) { return a + b; }
#define TREE_SUM(term) JOIN_TREE(term, vec4(0), add)
#define TREE_MAX(term, rest) JOIN_TREE(term, rest, max)
#define VALUE(at) head[min(at, HEAD - 1u)]

float quotient(float a, float b) {
    precise float r = a / b;
    return r;
}
float inverse(float scale) { return scale != 0.0 ? quotient(1.0, scale) : 0.0; }
float square(float x) {
    precise float r = x * x;
    return r;
}

#define LEVELS                                                                                                        \
    float[16](LEVEL_0, LEVEL_1, LEVEL_2, LEVEL_3, LEVEL_4, LEVEL_5, LEVEL_6, LEVEL_7, LEVEL_8, LEVEL_9, LEVEL_10, LEVEL_11, \
              LEVEL_12, LEVEL_13, LEVEL_14, LEVEL_15)

float level(uint code) {
    float levels[16] = LEVELS;
    return levels[code];
}

// How many midpoints of levels lie at or below x.
uint nearest(float x) {
    float levels[16] = LEVELS;
    uint code = 0;
    for (uint i = 1; i < (1u << BITS); i++) {
        precise float midpoint = (levels[i - 1] + levels[i]) / 2;
        if (x >= midpoint) code++;
    }
    return code;
}

uint affine_code(float x, float offset, float factor) {
    precise float code = (x - offset) * factor + 0.5;
    return uint(clamp(code, 0.0, MOST));
}

uint code_of(uint i) {
    if (i >= HEAD) return 0;
    float x = head[i], factor = code_factor[i / GROUP];
    if (CODING == CODING_AFFINE) return affine_code(x, code_offset[i / GROUP], factor);
    precise float scaled = x * factor;
    if (CODING == CODING_LEVELS) return nearest(scaled);
    if (ZERO == 0u) {
        float code = clamp(scaled, -127.0, 127.0);
        precise float rounded = floor(abs(code) + 0.5);
        return uint(int(code < 0.0 ? -rounded : rounded)) & 255u;
    }
    precise float code = scaled + (float(ZERO) + 0.5);
    return uint(clamp(code, 0.0, MOST));
}

// The value of the largest magnitude of group g, the first of those, from its largest value and largest negated value.
float peak(uint g, vec2 largest) {
    if (largest.x == largest.y)
        for (uint i = 0; i < GROUP; i++)
            if (abs(head[g * GROUP + i]) == largest.x) return largest.x == 0.0 ? 0.0 : head[g * GROUP + i];
    return largest.x > largest.y ? largest.x : -largest.y;
}

float trial_error(float x, uint i) {
    vec3 t = trial[i];
    precise float off = x - (t.x * float(affine_code(x, t.y, t.z)) + t.y);
    return square(off);
}

// The part of the range whose codes leave the smallest squared error.
void fit_clipped(vec2 largest) {
    EACH(i, 8) {
        float low = -largest.y, high = largest.x;
        precise float middle = 0.5 * low + 0.5 * high, radius = 0.5 * high - 0.5 * low;
        precise float reach = radius * level(i), step = quotient(2.0 * reach, MOST), start = middle - reach;
        float scale = widen_half(stored_half(step));
        trial[i] = vec3(scale, widen_half(stored_half(start)), inverse(scale));
    }
    sync();
    TREE_SUM(vec4(trial_error(VALUE(at), 0), trial_error(VALUE(at), 1), trial_error(VALUE(at), 2), trial_error(VALUE(at), 3)));
    vec4 first = tree[0];
    sync();
    TREE_SUM(vec4(trial_error(VALUE(at), 4), trial_error(VALUE(at), 5), trial_error(VALUE(at), 6), trial_error(VALUE(at), 7)));
    vec4 second = tree[0];
    float error[8] = float[8](first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w);
    float best = uintBitsToFloat(0x7f800000u);
    vec3 chosen = vec3(0);
    [[unroll]] for (uint i = 0; i < 8; i++)
        if (error[i] < best) {
            best = error[i];
            chosen = trial[i];
        }
    if (gl_LocalInvocationIndex == 0) {
        stored_scale[0] = stored_half(chosen.x);
        stored_offset[0] = stored_half(chosen.y);
        code_offset[0] = chosen.y;
        code_factor[0] = chosen.z;
    }
}

vec4 nonlinear_term(float x, float factor) {
    precise float unit = x * factor, code = level(nearest(unit));
    precise float weighted = unit * unit * code;
    precise vec4 term = vec4(weighted * unit, weighted * code, 0, 0);
    return term;
}

// iq4_nl: a least-squares fit of the scale, weighted by the square.
void fit_nonlinear(uint g, float start) {
    float along = tree[g * TREE].x, square = tree[g * TREE].y;
    precise float scale = square > 0.0 ? start * quotient(along, square) : 0.0;
    stored_scale[g] = stored_half(scale);
    code_factor[g] = inverse(scale);
}

// Everything that codes need, for all groups.
void fit_groups() {
    if (CODING == CODING_LEVELS && SHARE == 0u) {
        TREE_SUM(vec4(square(VALUE(at)), 0, 0, 0));
        precise float norm = sqrt(tree[0].x);
        precise float factor = inverse(norm) * HEAD_ROOT;
        if (gl_LocalInvocationIndex == 0) code_factor[0] = factor;
        sync();
        TREE_SUM(vec4(square(level(code_of(at))), 0, 0, 0));
        precise float coded = sqrt(tree[0].x);
        if (gl_LocalInvocationIndex == 0) stored_scale[0] = stored_half(quotient(norm, coded));
    } else {
        float none = -uintBitsToFloat(0x7f800000u);
        TREE_MAX(vec4(VALUE(at), -VALUE(at), 0, 0), vec4(none));
        if (CODING == CODING_AFFINE && SHARE == 0u) {
            vec2 largest = tree[0].xy;
            sync();
            fit_clipped(largest);
        } else {
            EACH(g, SEGMENTS) {
                vec2 largest = tree[g * TREE].xy;
                float scale;
                if (CODING == CODING_AFFINE) {
                    precise float low = -largest.y, range = largest.x - low;
                    scale = quotient(range, MOST);
                    code_offset[g] = low;
                    stored_offset[g] = stored_half(low);
                } else if (CODING == CODING_LEVELS) {
                    scale = quotient(peak(g, largest), LEVEL_0);
                    code_offset[g] = scale;
                } else if (ZERO == 0u) {
                    scale = quotient(abs(max(largest.x, largest.y)), 127.0);
                } else {
                    scale = quotient(peak(g, largest), -float(ZERO));
                }
                uint stored = stored_half(scale);
                stored_scale[g] = stored;
                code_factor[g] = inverse(SHARE == 0u ? widen_half(stored) : scale);
            }
            if (CODING == CODING_LEVELS) {
                sync();
                TREE_SUM(nonlinear_term(VALUE(at), code_factor[min(at, HEAD - 1u) / GROUP]));
                EACH(g, SEGMENTS) fit_nonlinear(g, code_offset[g]);
            }
        }
    }
    sync();
}

// Byte `byte` of a plane of codes of `width` bits, which start at bit `shift` of a code.
uint packed_byte(uint byte, uint width, uint shift) {
    uint group_bytes = 4u * width, first = byte / group_bytes * 32u + byte % group_bytes, packed = 0;
    for (uint field = 0; field < 8u / width; field++)
        packed |= (code_of(first + field * group_bytes) >> shift & ((1u << width) - 1u)) << (field * width);
    return packed;
}

uint rounded_value(uint i) { return CODING == CODING_F16 ? to_half(head[i]) : to_bfloat16(head[i]); }

#ifdef BYTE_STORES

layout(buffer_reference, scalar, buffer_reference_align = 1) writeonly buffer Bytes { uint8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) writeonly buffer Halves { uint16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Singles { uint v[]; };

// Granule i of a plane of `bytes` bytes a row, that begins behind `before` bytes of a row.
uvec2 granule_at(uint cell, uint before, uint bytes, uint granule, uint i) {
    uvec2 tile = advance(p.cache, (gl_WorkGroupID.y * p.capacity + cell) / 8u, ROW * 8u);
    return advance(tile, before * 8u + (PLACE == 0u ? (i * 8u + cell % 8u) * granule : cell % 8u * bytes + i * granule));
}

void store_row(uint cell) {
    if (CODING == CODING_F32) {
        EACH(i, HEAD) Singles(granule_at(cell, 0, LOW, 4, i)).v[0] = floatBitsToUint(head[i]);
    } else if (CODING < CODING_SCALED) {
        EACH(i, HEAD) Halves(granule_at(cell, 0, LOW, 2, i)).v[0] = uint16_t(rounded_value(i));
    } else {
        EACH(i, LOW) Bytes(granule_at(cell, 0, LOW, 1, i)).v[0] = uint8_t(packed_byte(i, LOW_BITS(BITS), 0));
        EACH(i, HIGH) Bytes(granule_at(cell, LOW, HIGH, 1, i)).v[0] = uint8_t(packed_byte(i, HIGH_BITS(BITS), LOW_BITS(BITS)));
        EACH(g, GROUPS) {
            Halves(granule_at(cell, LOW + HIGH, GROUPS * 2u, 2, g)).v[0] = uint16_t(stored_scale[g]);
            if (CODING == CODING_AFFINE)
                Halves(granule_at(cell, LOW + HIGH + GROUPS * 2u, GROUPS * 2u, 2, g)).v[0] = uint16_t(stored_offset[g]);
        }
    }
}

#else

#include "lib/store.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer CacheWords { uint v[]; };

uvec2 plane_row(uint cell, uint before, uint bytes) {
    return advance(advance(p.cache, p.kv_heads * p.capacity, before), gl_WorkGroupID.y * p.capacity + cell, bytes);
}

// Half `at` of a row: its word may hold a neighbour's half, which another workgroup writes.
void store_half(uvec2 row, uint at, uint value) {
    uvec2 address = advance(row, at * 2u);
    uint shift = (address.x & 2u) * 8u;
    writer_flush(Writer(uvec2(address.x & ~3u, address.y), 0u, value << shift, 0xffffu << shift));
}

uint packed_word(uint word, uint width, uint shift) {
    uint packed = 0;
    for (uint i = 0; i < 4; i++) packed |= packed_byte(word * 4u + i, width, shift) << (i * 8u);
    return packed;
}

void store_row(uint cell) {
    CacheWords low = CacheWords(plane_row(cell, 0, LOW));
    if (CODING == CODING_F32) {
        EACH(i, HEAD) low.v[i] = floatBitsToUint(head[i]);
    } else if (CODING < CODING_SCALED) {
        EACH(i, HEAD / 2) low.v[i] = rounded_value(2 * i) | (rounded_value(2 * i + 1) << 16);
    } else {
        EACH(i, LOW / 4) low.v[i] = packed_word(i, LOW_BITS(BITS), 0);
        CacheWords high = CacheWords(plane_row(cell, LOW, HIGH));
        EACH(i, HIGH / 4) high.v[i] = packed_word(i, HIGH_BITS(BITS), LOW_BITS(BITS));
        EACH(g, GROUPS) {
            store_half(plane_row(cell, LOW + HIGH, GROUPS * 2u), g, stored_scale[g]);
            if (CODING == CODING_AFFINE)
                store_half(plane_row(cell, LOW + HIGH + GROUPS * 2u, GROUPS * 2u), g, stored_offset[g]);
        }
    }
}

#endif

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Integers { uint v[]; };

// A token whose cell is ~0 is not kept.
void append_row() {
    uint token = gl_WorkGroupID.x, cell = Integers(p.cells).v[token];
    if (cell == ~0u) return;
    load_head(advance(advance(p.x, token, p.token_bytes), gl_WorkGroupID.y, p.head_bytes));
    if (ROPE != 0u) rope_head(p.turns, p.rope_dims, int(Integers(p.positions).v[token]), p.rope_magnitude);
    apply_signs();
    hadamard();
    if (CODING >= CODING_SCALED) fit_groups();
    store_row(cell);
}
