// What the kernels that merge partial results of split attention share. Each slot of a row holds the largest logit m it has
// seen (in units of log2(e)), the sum l of exp2(logit - m), and the sum of exp2(logit - m) * value.
//
// Partial: [row]{[slot]{ float m, l, y[V_HEAD]; }}, rows as in the result. A row that saw nothing gives zeros. Everything in float32.

#include "lib/softmax.glsl"

layout(constant_id = 0) const bool SINKS = false;

layout(push_constant, scalar) uniform Arguments {
    uvec2 partial;
    uvec2 y;      // f32 [row][values]
    uvec2 sinks;  // SINKS: f32 for each head
    uint rows;
    uint slots;
    uint values;  // V_HEAD
    uint heads;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Floats { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

// The logit, in the same units, that a head's sink adds to a row's softmax, without a value.
float row_sink(uint row) { return Floats(p.sinks).v[row % p.heads] * LOG2_E; }
