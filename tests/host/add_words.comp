// to[i] = from[i] + STEP for i in [0, n): the smallest kernel that shows order, constants and addresses.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint STEP = 1;

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words {
    uint word[];
};
layout(push_constant) uniform Arguments {
    uvec2 from;
    uvec2 to;
    uint n;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < n) Words(to).word[i] = Words(from).word[i] + STEP;
}
