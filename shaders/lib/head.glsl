// One head (a row of Q, K, V or of attention's result) in shared memory, worked on by a workgroup: rotary positions and the
// Walsh-Hadamard rotation, operation for operation as backend/kv/rope.cpp and rotation.cpp do them, so that a host gets the
// same bits. Define ONE_SUBGROUP where the workgroup is a single subgroup: no barrier is needed then.
#ifdef ONE_SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint HEAD = 128;      // values of a head, a multiple of 8
layout(constant_id = 2) const uint ROTATION = 0;    // 0 none, 1 H, 2 H D (backend/kv/rotation.hpp)
layout(constant_id = 3) const uint ROPE = 0;        // 0 none, 1 pairs of neighbours, 2 of halves (backend/kv/rope.hpp)
layout(constant_id = 4) const bool HALF_SOURCE = false;  // rows are f16, not f32

layout(constant_id = 5) const float HADAMARD_UNIT = 1;  // 1 / sqrt(HADAMARD_BLOCK)

const uint HADAMARD_BLOCK = HEAD & (~HEAD + 1u);

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer SourceFloats { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer SourceWords { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Turns { uvec2 v[]; };

shared float head[HEAD];

#ifdef ONE_SUBGROUP
void sync() {
    subgroupMemoryBarrierShared();
    subgroupBarrier();
}
#else
void sync() { barrier(); }
#endif

#define EACH(i, count) for (uint i = gl_LocalInvocationIndex; i < (count); i += gl_WorkGroupSize.x)

// Values of a row of f32, or of f16 at a multiple of 4 bytes.
void load_head(uvec2 row) {
    if (HALF_SOURCE)
        EACH(i, HEAD / 2) {
            uint pair = SourceWords(row).v[i];
            head[2 * i] = widen_half(pair & 65535u);
            head[2 * i + 1] = widen_half(pair >> 16);
        }
    else
        EACH(i, HEAD) head[i] = SourceFloats(row).v[i];
    sync();
}

// Sine and cosine of an angle in units of 2^-32 turns: the nearest quarter turn is taken off exactly, the rest is at most an
// eighth, where short Taylor sums are good to the last bit or two.
vec2 cos_sin(uint turn) {
    uint quarter = (turn + 0x20000000u) >> 30;
    precise float x = float(int(turn - (quarter << 30))) * 1.46291807926715968e-9;
    precise float z = x * x;
    precise float s = x + x * z * (-1.66666667e-1 + z * (8.33333333e-3 + z * (-1.98412698e-4 + z * 2.75573192e-6)));
    precise float c = 1.0 + z * (-0.5 + z * (4.16666667e-2 + z * (-1.38888889e-3 + z * (2.48015873e-5 + z * -2.75573192e-7))));
    vec2 r = quarter == 0u ? vec2(c, s) : quarter == 1u ? vec2(-s, c) : quarter == 2u ? vec2(-c, -s) : vec2(s, -c);
    return r;
}

// Turns pair j of the first `dims` values by `position` times turns[j], a 64-bit fraction of a turn: exact at any position.
void rope_head(uvec2 turns, uint dims, int position, float magnitude) {
    EACH(j, dims / 2) {
        uvec2 turn = Turns(turns).v[j];
        uint high, low;
        umulExtended(uint(position), turn.x, high, low);
        vec2 cs = cos_sin(high + uint(position) * turn.y - (position < 0 ? turn.x : 0u));
        precise float c = cs.x * magnitude, s = cs.y * magnitude;
        uint a = ROPE == 1u ? 2 * j : j, b = ROPE == 1u ? 2 * j + 1 : j + dims / 2;
        float x = head[a], y = head[b];
        precise float turned_x = x * c - y * s;
        precise float turned_y = x * s + y * c;
        head[a] = turned_x;
        head[b] = turned_y;
    }
    sync();
}

float rotation_sign(uint i) {
    uint mixed = i + 1u;
    mixed = (mixed ^ (mixed >> 16)) * 0x7feb352du;
    mixed = (mixed ^ (mixed >> 15)) * 0x846ca68bu;
    return ((mixed ^ (mixed >> 16)) & 1u) != 0u ? -1.0 : 1.0;
}

void apply_signs() {
    if (ROTATION == 2u) {
        EACH(i, HEAD) head[i] *= rotation_sign(i);
        sync();
    }
}

void hadamard() {
    if (ROTATION == 0u) return;
    for (uint stride = 1; stride < HADAMARD_BLOCK; stride *= 2) {
        EACH(t, HEAD / 2) {
            uint i = (t & ~(stride - 1u)) * 2u + (t & (stride - 1u));
            float a = head[i], b = head[i + stride];
            head[i] = a + b;
            head[i + stride] = a - b;
        }
        sync();
    }
    EACH(i, HEAD) head[i] *= HADAMARD_UNIT;
    sync();
}
