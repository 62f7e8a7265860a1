// Rotary positions and the Walsh-Hadamard rotation of heads of Q, or the rotation undone on attention's results; rows in f32 or
// f16, results in f32, in place or not. One workgroup takes one head.
#include "lib/wide.glsl"
#include "lib/head.glsl"

layout(constant_id = 6) const bool UNDO = false;  // the inverse of ROTATION

layout(push_constant, scalar) uniform Arguments {
    uvec2 x;
    uvec2 y;
    uvec2 positions;  // int for each token, with ROPE
    uvec2 turns;      // uvec2 for each pair, with ROPE
    uint x_token_bytes, x_head_bytes;
    uint y_token_bytes, y_head_bytes;
    uint rope_dims;
    float rope_magnitude;
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Integers { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Output { float v[]; };

void rotate_row() {
    uint token = gl_WorkGroupID.x;
    load_head(advance(advance(p.x, token, p.x_token_bytes), gl_WorkGroupID.y, p.x_head_bytes));
    if (ROPE != 0u) rope_head(p.turns, p.rope_dims, int(Integers(p.positions).v[token]), p.rope_magnitude);
    if (!UNDO) apply_signs();
    hadamard();
    if (UNDO) apply_signs();
    Output y = Output(advance(advance(p.y, token, p.y_token_bytes), gl_WorkGroupID.y, p.y_head_bytes));
    EACH(i, HEAD) y.v[i] = head[i];
}
