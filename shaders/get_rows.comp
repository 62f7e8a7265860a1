// y[i] = w[ids[i]], dequantized; without ids, y[i] = w[first + i]: embeddings are looked up, and weights converted, by it.
//
// Ids below 0 count as 0, ids past the last row as the last row. Planes and blocks: an invocation does a slice of 8 elements, so
// that neighbours read neighbouring words. Lanes: a group of 32 elements of one row of a tile of 8; invocations of a subgroup are
// at work on different groups, so loads are gathers, one for each element. Grid: x, as far as the device's limit allows.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/convert.glsl"
#include "lib/store.glsl"

layout(push_constant, scalar) uniform Arguments {
    uvec2 w;           // rows [first, first + rows) of the weights
    uvec2 ids;         // int32; 0: none
    uvec2 y;
    uint rows;         // of w
    uint first;        // the row of the whole matrix that w begins with; without ids: the row of w that y begins with
    uint last;         // of the whole matrix
    uint groups;       // K / 32, rounded up
    uint elements;     // K
    uint w_stride;     // blocks: bytes between rows of w
    uint w_row_bytes;  // blocks: bytes of a row of w
    uint count;        // rows of y
    uint ids_stride;   // ids between two that are used
    uint y_stride;     // bytes between rows of y
    uvec2 codebook;    // of formats that have one
} p;

layout(constant_id = 0) const uint TARGET = TYPE_F32;  // the type of y: f32, f16, bf16

#ifdef LAYOUT_LANES
#include "lib/lane.glsl"
layout(local_size_x = LANES) in;
// Every invocation has a row of its own here: what LANE_LOAD means is all that changes for a format.
uint lane_row;
#undef LANE_LOAD
#define LANE_LOAD(array, at) array[(at) * 8 + lane_row]
const bool FACTORED = false;
#include "format.glsl"
#include "lib/lane_sums.glsl"
#define UNITS 1u  // of work in a group

// a * b, by the bits where it is subnormal, because arithmetic may take such numbers for zero: mxfp4's smallest are.
float product(float a, float b) {
    float lifted = a * (b * 16777216.0);  // by 2^24
    if (!(abs(lifted) < uintBitsToFloat(25u << 23))) return a * b;  // 2^-102
    uint magnitude = uint(abs(lifted) * uintBitsToFloat(252u << 23));  // 2^125: in steps of 2^-149
    return uintBitsToFloat(magnitude | (floatBitsToUint(a) ^ floatBitsToUint(b)) & 0x80000000u);
}
#else
#include "lib/rows.glsl"
layout(local_size_x = 64) in;
#define UNITS 4u
#endif

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Ids { int v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Floats { float v[]; };

void store4(uvec2 row, uint element, vec4 values) {
    if (TARGET == TYPE_F32) {
        Floats y = Floats(row);
        [[unroll]] for (uint i = 0u; i < 4u; i++)
            if (element + i < p.elements) y.v[element + i] = values[i];
    } else {
        Writer w = writer_open(advance(row, element * 2u));
        [[unroll]] for (uint i = 0u; i < 4u; i++)
            if (element + i < p.elements) writer_put(w, TARGET == TYPE_F16 ? to_half(values[i]) : to_bfloat16(values[i]), 16u);
        writer_flush(w);
    }
}

void convert(uint row, uint unit, uvec2 y, bool wanted) {
#ifdef LAYOUT_LANES
    lane_row = row % LANES;
    Tile w = tile_open(advance(p.w, row / LANES, TILE_BYTES(p.groups)), p.groups);
    const uint steps = 32 / LANE_CODES;
    float values[32];
#if GROUP_SCALES > 0
    float d[GROUP_SCALES], m[GROUP_SCALES];
    lane_scales(w, unit, d, m);
#endif
    [[unroll]] for (uint j = 0; j < steps; j++) {
        float c[LANE_CODES];
        lane_codes(w, unit, j, c);
        [[unroll]] for (uint l = 0; l < LANE_CODES; l++) {
            uint k = lane_element(j, l);
#if GROUP_SCALES == 0
            values[k] = c[l];
#elif defined(GROUP_OFFSET)
            values[k] = fma(c[l], d[k * GROUP_SCALES / 32] * code_unit(l), m[k * GROUP_SCALES / 32]);
#else
            values[k] = product(c[l], d[k * GROUP_SCALES / 32] * code_unit(l));
#endif
        }
    }
    if (!wanted) return;
    [[unroll]] for (uint k = 0; k < 32; k += 4)
        store4(y, unit * 32 + k, vec4(values[k], values[k + 1], values[k + 2], values[k + 3]));
#else
    vec4 low, high;
    slice(OPEN_ROW(p.w, row), unit >> 2, unit & 3u, low, high);
    if (!wanted) return;
    uint element = (unit >> 2) * 32u + (unit & 3u) * 4u;
    store4(y, element, low);
    store4(y, element + 16u, high);
#endif
}

void main() {
#ifdef LAYOUT_LANES
    lane_init();
#endif
#ifndef LAYOUT_LANES
    codebook_open(p.codebook);
#endif
    uint units = p.groups * UNITS, total = p.count * units, width = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    // Invocations past the end do the last unit again and keep it to themselves: formats may shuffle within subgroups.
    for (uint begin = gl_WorkGroupID.x * gl_WorkGroupSize.x; begin < total; begin += width) {
        uint at = begin + gl_LocalInvocationIndex, clamped = min(at, total - 1u), i = clamped / units, row = p.first + i;
        bool wanted = at < total;
        if (p.ids != uvec2(0)) {
            row = min(uint(max(Ids(advance(p.ids, i, p.ids_stride * 4u)).v[0], 0)), p.last) - p.first;
            wanted = wanted && row < p.rows;  // else another buffer has it
            row = min(row, p.rows - 1u);
        }
        convert(row, clamped % units, advance(p.y, i, p.y_stride), wanted);
    }
}
