// Tables of 16 levels (backend/formats/levels.hpp), four signed bytes to a word: no memory, no gather.
const uvec4 LEVELS_NL = uvec4(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
const uvec4 LEVELS_FP4 = uvec4(0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu);

// The levels of the codes in the low nibbles of the four bytes of a word.
vec4 levels(uvec4 table, uint nibbles) {
    uvec4 c = uvec4(nibbles, nibbles >> 8, nibbles >> 16, nibbles >> 24) & 15u;
    bvec4 odd = notEqual(c & 4u, uvec4(0));
    uvec4 below = mix(uvec4(table.x), uvec4(table.y), odd), above = mix(uvec4(table.z), uvec4(table.w), odd);
    ivec4 word = ivec4(mix(below, above, notEqual(c & 8u, uvec4(0))));
    return vec4((word << (24 - 8 * ivec4(c & 3u))) >> 24);
}

#ifdef LAYOUT_LANES
// Marked levels of FP4, two to a 16-bit word: elements j (low byte) and j + 16. A byte holds twice the level, and in its lowest
// bit what tells minus zero from zero. The first code comes out as the level, the second as 512 times the level.
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer MarkedLevels { int16_t q[16 * LANES]; };

void lane_marked_levels(MarkedLevels levels, uint g, uint j, out float low, out float high) {
    MarkedLevels at = levels + g;
    int q = int(LANE_LOAD(at.q, j));
    low = float((q << 24) >> 25);
    high = float(q & ~511);
}
#endif
