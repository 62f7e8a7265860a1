// Rows of f32, f16 or bf16 become rows of GGUF blocks (or of f16 or bf16), by the reference's rules to the bit: docs/ops.md.
//
// One invocation makes one block of 32 elements. Products and sums must not be fused (`precise`), divisions are lib/divide.glsl's.
// Grid: x, as far as the device's limit allows.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/convert.glsl"
#include "lib/divide.glsl"
#include "lib/store.glsl"

#define TYPE_Q4_0 2
#define TYPE_Q4_1 3
#define TYPE_Q5_0 6
#define TYPE_Q5_1 7
#define TYPE_Q8_0 8
#define TYPE_Q8_1 9
#define TYPE_IQ4_NL 20

layout(local_size_x = 32) in;
layout(constant_id = 0) const uint SOURCE = TYPE_F32;
layout(constant_id = 1) const uint TARGET = TYPE_Q8_0;

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;
    uvec2 y;
    uint rows;
    uint elements;  // of a row
    uint x_stride;  // bytes between rows
    uint y_stride;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Words { uint v[]; };

const float LEVELS[16] = float[16](-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);  // of iq4_nl

float x[32];     // the block; zeros past the end of a row
uint codes[32];  // and what becomes of it, without sign

void load_block(uvec2 row, uint first) {
    [[unroll]] for (uint k = 0; k < 32; k++) {
        uint at = min(first + k, p.elements - 1);
        if (SOURCE == TYPE_F32) {
            x[k] = uintBitsToFloat(Words(row).v[at]);
        } else {
            uvec2 address = advance(row, at * 2);
            uint bits = (Words(uvec2(address.x & ~3u, address.y)).v[0] >> ((address.x & 2u) * 8)) & 65535u;
            x[k] = SOURCE == TYPE_F16 ? widen_half(bits) : uintBitsToFloat(bits << 16);
        }
        if (first + k >= p.elements) x[k] = 0;
    }
}

// What binary16 can hold of a scale, and 1 / scale, 0 where that is not finite.
float clamp_to_half(float scale) { return scale >= 65520.0 ? 65504.0 : scale <= -65520.0 ? -65504.0 : scale; }
float inverse(float scale) {
    float result = divide(1.0, scale);
    return finite(result) ? result : 0.0;
}

// The element of the largest magnitude, the first of equal ones; +0 in a block of zeros.
float peak() {
    float most = 0, at = 0;
    [[unroll]] for (uint k = 0; k < 32; k++)
        if (abs(x[k]) > most) {
            most = abs(x[k]);
            at = x[k];
        }
    return at;
}

// trunc((x - from) * t + shift), in [0, highest].
void truncate(float from, float t, float shift, float highest) {
    [[unroll]] for (uint k = 0; k < 32; k++) {
        precise float moved = x[k] - from;
        precise float scaled = moved * t;
        precise float shifted = scaled + shift;
        codes[k] = uint(clamp(shifted, 0.0, highest));
    }
}

// Nearest integer, halves away from zero, as a byte.
uint round_away(float value) {
    int whole = int(value);
    precise float fraction = value - float(whole);
    return uint(whole + (fraction >= 0.5 ? 1 : 0) - (fraction <= -0.5 ? 1 : 0)) & 255u;
}

void put_bytes(inout Writer w) {
    [[unroll]] for (uint k = 0; k < 32; k += 4)
        writer_put(w, codes[k] | codes[k + 1] << 8 | codes[k + 2] << 16 | codes[k + 3] << 24, 32);
}
void put_nibbles(inout Writer w) {
    [[unroll]] for (uint k = 0; k < 16; k += 4) {
        uint word = 0;
        [[unroll]] for (uint i = 0; i < 4; i++) word |= ((codes[k + i] & 15u) | (codes[k + i + 16] & 15u) << 4) << (i * 8);
        writer_put(w, word, 32);
    }
}
void put_fifths(inout Writer w) {
    uint word = 0;
    [[unroll]] for (uint k = 0; k < 32; k++) word |= (codes[k] >> 4) << k;
    writer_put(w, word, 32);
}

void encode_signed(inout Writer w, float top) {
    float d = clamp_to_half(peak() * (-1.0 / top));
    truncate(0, inverse(d), top + 0.5, top * 2 - 1);
    writer_put(w, to_half(d), 16);
}

void encode_affine(inout Writer w, float levels) {
    float least = x[0], most = x[0];
    [[unroll]] for (uint k = 1; k < 32; k++) {
        if (x[k] < least) least = x[k];
        if (x[k] > most) most = x[k];
    }
    precise float range = most - least;
    float m = clamp_to_half(least), d = clamp_to_half(divide(range, levels));
    truncate(m, inverse(d), 0.5, levels);
    writer_put(w, to_half(d), 16);
    writer_put(w, to_half(m), 16);
}

void encode_bytes(inout Writer w) {
    float d = clamp_to_half(divide(abs(peak()), 127)), t = inverse(d);
    int sum = 0;
    [[unroll]] for (uint k = 0; k < 32; k++) {
        precise float scaled = x[k] * t;
        codes[k] = round_away(clamp(scaled, -127.0, 127.0));
        sum += int(codes[k] << 24) >> 24;
    }
    writer_put(w, to_half(d), 16);
    if (TARGET == TYPE_Q8_1) {
        precise float s = float(sum) * d;
        writer_put(w, to_half(clamp_to_half(s)), 16);
    }
}

// Levels lie so that comparing with the middle of two, which counts as the upper one, is the rule's comparison of distances.
float nearest_level(float value) {
    float level = LEVELS[0];
    [[unroll]] for (uint k = 1; k < 16; k++)
        if (value >= (LEVELS[k - 1] + LEVELS[k]) * 0.5) level = LEVELS[k];
    return level;
}

// Of 16 inverse scales the one that explains most, every element weighted by its square; sums in the order of the elements.
void encode_levels(inout Writer w) {
    float at = peak(), d = 0, best = 0;
    if (abs(at) >= 1e-15) {
        for (int trial = -8; trial < 8; trial++) {
            float t = trial < -7 ? inverse(divide(-at, -127)) : divide(float(trial - 127), at);
            precise float xq = 0, qq = 0;
            [[unroll]] for (uint k = 0; k < 32; k++) {
                precise float scaled = t * x[k];
                precise float q = nearest_level(scaled), square = x[k] * x[k];
                precise float wq = square * q;
                precise float wqx = wq * x[k], wqq = wq * q;
                xq += wqx;
                qq += wqq;
            }
            precise float explained = xq * xq, wanted = best * qq;
            if (qq > 0 && (trial < -7 || explained > wanted)) {
                d = divide(xq, qq);
                precise float product = d * xq;
                best = product;
            }
        }
        if (!finite(d)) d = divide(at, -127);
    }
    d = clamp_to_half(d);
    float t = inverse(d);
    [[unroll]] for (uint k = 0; k < 32; k++) {
        precise float scaled = x[k] * t;
        codes[k] = 0;
        [[unroll]] for (uint l = 1; l < 16; l++) codes[k] += scaled >= (LEVELS[l - 1] + LEVELS[l]) * 0.5 ? 1 : 0;
    }
    writer_put(w, to_half(d), 16);
}

// Bytes of a whole block.
uint block_bytes() {
    switch (TARGET) {
        case TYPE_Q4_0:
        case TYPE_IQ4_NL:
            return 18;
        case TYPE_Q4_1:
            return 20;
        case TYPE_Q5_0:
            return 22;
        case TYPE_Q5_1:
            return 24;
        case TYPE_Q8_0:
            return 34;
        case TYPE_Q8_1:
            return 36;
    }
    return 64;  // 32 elements of f16 or bf16
}

void encode(inout Writer w, uint left) {
    switch (TARGET) {
        case TYPE_Q4_0:
            encode_signed(w, 8);
            put_nibbles(w);
            break;
        case TYPE_Q5_0:
            encode_signed(w, 16);
            put_fifths(w);
            put_nibbles(w);
            break;
        case TYPE_Q4_1:
            encode_affine(w, 15);
            put_nibbles(w);
            break;
        case TYPE_Q5_1:
            encode_affine(w, 31);
            put_fifths(w);
            put_nibbles(w);
            break;
        case TYPE_Q8_0:
        case TYPE_Q8_1:
            encode_bytes(w);
            put_bytes(w);
            break;
        case TYPE_IQ4_NL:
            encode_levels(w);
            put_nibbles(w);
            break;
        default:
            [[unroll]] for (uint k = 0; k < 32; k++)
                if (k < left) writer_put(w, TARGET == TYPE_F16 ? to_half(x[k]) : to_bfloat16(x[k]), 16);
    }
}

void main() {
    uint blocks = (p.elements + 31) / 32, total = p.rows * blocks, width = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint at = gl_GlobalInvocationID.x; at < total; at += width) {
        uint row = at / blocks, block = at % blocks;
        load_block(advance(p.x, row, p.x_stride), block * 32);
        Writer w = writer_open(advance(advance(p.y, row, p.y_stride), block * block_bytes()));
        encode(w, p.elements - block * 32);
        writer_flush(w);
    }
}
